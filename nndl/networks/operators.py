"""The two sets of operators that networks are built from: written by hand, or of `paddle.nn`.

Both operator sets give the same state_dict, so that weights move freely
between them: load one model's into the other and the outputs agree.
"""

import paddle.nn as nn
from paddle.hapi import dynamic_flops

from ..layers.convolution import Conv2D
from ..layers.normalization import BatchNorm2D
from ..layers.pooling import Pool2D


def counted(kind, rule):
    """Let `paddle.flops` count a layer class, which it takes as 0 where it does not know it."""
    dynamic_flops.register_hooks.setdefault(kind, rule)
    return kind


def _count_convolution(layer, x, y):
    """Multiply-adds as `paddle.flops` counts those of `paddle.nn.Conv2D`."""
    inputs = layer.weight[0].size
    layer.total_ops += y.size * (inputs + (layer.bias is not None))


def _count_pooling(layer, x, y):
    layer.total_ops += y.size if layer.mode == "avg" else 0


counted(Conv2D, _count_convolution)
counted(Pool2D, _count_pooling)
counted(BatchNorm2D, dynamic_flops.count_bn)


def _hand_pool(mode, size, stride, padding=0):
    return Pool2D(size=(size, size), mode=mode, stride=stride, padding=padding)


def _paddle_pool(mode, size, stride, padding=0):
    layer = {"max": nn.MaxPool2D, "avg": nn.AvgPool2D}[mode]
    return layer(size, stride=stride, padding=padding)


#: operators= -> (convolution layer, pooling layer, batch norm layer)
OPERATORS = {
    "hand": (Conv2D, _hand_pool, BatchNorm2D),
    "paddle": (nn.Conv2D, _paddle_pool, BatchNorm2D),
}


def operators_named(name):
    if name not in OPERATORS:
        raise ValueError(
            f"operators must be one of {', '.join(map(repr, OPERATORS))}, got {name!r}: "
            "'hand' takes nndl's Conv2D and Pool2D, 'paddle' those of paddle.nn"
        )
    return OPERATORS[name]


def check_images(X, channels, owner):
    shape = list(getattr(X, "shape", []))
    if len(shape) != 4 or shape[1] != channels:
        raise ValueError(
            f"{owner} expects a batch of images [B, {channels}, M, N], got shape {shape}; "
            f"for one image add the batch axis with X.unsqueeze(0)"
        )
