"""Convolution, pooling and batch normalization: as formula, as matrix product, as layer."""

from .convolution import (
    Conv2D,
    conv2d,
    conv2d_backward,
    conv2d_loops,
    conv2d_plain,
    conv2d_plain_backward,
    im2col,
)
from .normalization import (
    BatchNorm2D,
    batch_norm_formula,
    batch_norm_plain,
    batch_norm_plain_backward,
)
from .pooling import Pool2D, pool2d, pool2d_loops, pool2d_plain, pool2d_plain_backward
from .window import output_size

__all__ = [
    "BatchNorm2D",
    "Conv2D",
    "Pool2D",
    "batch_norm_formula",
    "batch_norm_plain",
    "batch_norm_plain_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_loops",
    "conv2d_plain",
    "conv2d_plain_backward",
    "im2col",
    "output_size",
    "pool2d",
    "pool2d_loops",
    "pool2d_plain",
    "pool2d_plain_backward",
]
