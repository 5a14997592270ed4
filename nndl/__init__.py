"""Convolutional networks by hand, on PaddlePaddle.

Importing the package prepares the runtime (threads, BLAS path) before Paddle
loads; everything else is imported when it is first used.
"""

import importlib

from . import runtime

runtime.prepare()

#: public name -> module that defines it
_HOME = {
    "Accuracy": "metric",
    "BatchLoader": "loader",
    "CIFAR10Dataset": "dataset",
    "ConfusionMatrix": "metric",
    "Conv2D": "convolution",
    "LeNet": "model",
    "MNISTDataset": "dataset",
    "MNIST_dataset": "dataset",
    "Pool2D": "pooling",
    "ResBlock": "model",
    "ResNet18": "model",
    "RunnerV3": "runner",
    "conv2d": "convolution",
    "conv2d_backward": "convolution",
    "conv2d_loops": "convolution",
    "flops": "report",
    "plot": "figures",
    "plot_training_loss_acc": "figures",
    "pool2d": "pooling",
    "pool2d_loops": "pooling",
    "seed_everything": "runtime",
    "show_source": "source",
    "summary": "report",
    "table": "table",
}
_MODULES = {
    "animation", "architecture", "callbacks", "check", "checkpoint", "convolution", "dataset",
    "download", "drawing", "experiments", "figures", "gradcam", "loader", "metric", "model", "op",
    "own_image", "pooling", "receptive_field", "report", "runner", "runtime", "style", "tools",
}  # fmt: skip

__version__ = "1.0.0"
__all__ = sorted({*_HOME, *_MODULES} - {"table"})


def __getattr__(name):
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(
            f"module 'nndl' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
