"""Convolutional networks by hand, on PaddlePaddle.

Importing the package prepares the runtime (threads, BLAS path) before Paddle
loads; everything else is imported when it is first used.
"""

import importlib
import sys

from . import _moved, runtime

runtime.prepare()
sys.meta_path.append(_moved.Finder)

#: module -> the public names that it defines
_NAMES = {
    "analysis": "flops summary",
    "dataset": "BatchLoader CIFAR10Dataset MNISTDataset MNIST_dataset",
    "display": "show_source table",
    "figures": "plot plot_training_loss_acc",
    "layers": "Conv2D Pool2D conv2d conv2d_backward conv2d_loops pool2d pool2d_loops",
    "metric": "Accuracy ConfusionMatrix",
    "networks": "LeNet ResBlock ResNet18 ResNet20",
    "runner": "RunnerV3",
    "runtime": "seed_everything",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = {
    "analysis", "check", "dataset", "display", "download", "experiments", "figures", "layers",
    "metric", "networks", "op", "probe", "runner", "runtime", "tools",
}  # fmt: skip

__version__ = runtime.VERSION
__all__ = sorted({*_HOME, *_MODULES})


def __getattr__(name):
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES or name in _moved.MOVED:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(
            f"module 'nndl' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
