"""LeNet-5, ResNet18 and ResNet-20, from operators written by hand or from `paddle.nn`."""

from .lenet import LeNet, Model_LeNet, Paddle_LeNet
from .resnet import Model_ResNet18, ResBlock, ResNet18, ResNet20, vision_state_dict

__all__ = [
    "LeNet",
    "Model_LeNet",
    "Model_ResNet18",
    "Paddle_LeNet",
    "ResBlock",
    "ResNet18",
    "ResNet20",
    "vision_state_dict",
]
