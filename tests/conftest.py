"""Shared by all tests: the scripts folder is importable, figures need no screen."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

try:
    import resource
except ImportError:  # Windows
    resource = None

os.environ.setdefault("MPLBACKEND", "agg")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import nndl  # noqa: E402, F401, I001  the runtime is prepared before any test imports Paddle
import paddle  # noqa: E402

PADDLE = tuple(map(int, paddle.__version__.split(".")[:2]))


def needs_paddle(major, minor, why):
    """Marks a test of what older Paddle cannot do."""
    reason = f"Paddle {major}.{minor} or newer: {why}"
    return pytest.mark.skipif((major, minor) > PADDLE, reason=reason)


@pytest.fixture(autouse=True)
def seeded():
    """The numbers a test draws do not depend on the tests before it."""
    paddle.seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """A test may forbid large files; the report on it is written to a file that may be large."""
    if resource is None:
        return (yield)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        return (yield)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def pytest_collection_modifyitems(items):
    """Long tests first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: (not item.get_closest_marker("notebooks"), -_minutes(item)))


def _minutes(item):
    chapter = {"5.5": 3, "5.4": 2, "5.3": 1}.get(item.name.partition("[")[2][:3], 0)
    return chapter if item.get_closest_marker("notebooks") else 0
