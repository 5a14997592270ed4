"""LeNet-5 and ResNet18, from operators written by hand or from `paddle.nn`."""

from .lenet import LeNet, Model_LeNet, Paddle_LeNet
from .resnet import Model_ResNet18, ResBlock, ResNet18, vision_state_dict

__all__ = [
    "LeNet",
    "Model_LeNet",
    "Model_ResNet18",
    "Paddle_LeNet",
    "ResBlock",
    "ResNet18",
    "vision_state_dict",
]
