"""The operators and networks under the names that the book's notebooks import."""

from .layers.convolution import Conv2D, conv2d, conv2d_backward, conv2d_loops
from .layers.pooling import Pool2D, pool2d, pool2d_loops
from .networks.lenet import Model_LeNet, Paddle_LeNet
from .networks.resnet import Model_ResNet18, ResBlock

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
