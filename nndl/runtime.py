"""Prepare the machine before Paddle is imported: threads, BLAS code path, seeds, device."""

import os
import random
import warnings


def prepare():
    """Choose threads and the BLAS path, then import Paddle."""
    os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "5")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No ccache found")
        import paddle
    paddle.base.core.set_num_threads(os.cpu_count() or 1)


def seed_everything(seed):
    """Seed Python, NumPy and Paddle."""
    import numpy as np
    import paddle

    random.seed(seed)
    np.random.seed(seed)
    paddle.seed(seed)
