"""Convolution, pooling and batch normalization: as formula, as matrix product, as layer."""

from .convolution import Conv2D, conv2d, conv2d_backward, conv2d_loops, im2col
from .normalization import BatchNorm2D, batch_norm_formula
from .pooling import Pool2D, pool2d, pool2d_loops
from .window import output_size

__all__ = [
    "BatchNorm2D",
    "Conv2D",
    "Pool2D",
    "batch_norm_formula",
    "conv2d",
    "conv2d_backward",
    "conv2d_loops",
    "im2col",
    "output_size",
    "pool2d",
    "pool2d_loops",
]
