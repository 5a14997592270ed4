"""The operators and networks under the names that the book's notebooks import."""

from .convolution import Conv2D, conv2d, conv2d_backward, conv2d_loops
from .model import Model_LeNet, Model_ResNet18, Paddle_LeNet, ResBlock
from .pooling import Pool2D, pool2d, pool2d_loops

__all__ = [
    "Conv2D",
    "Model_LeNet",
    "Model_ResNet18",
    "Paddle_LeNet",
    "Pool2D",
    "ResBlock",
    "conv2d",
    "conv2d_backward",
    "conv2d_loops",
    "pool2d",
    "pool2d_loops",
]
