"""LeNet-5 for 32×32 digits."""

import paddle
import paddle.nn as nn
import paddle.nn.functional as F

from .._arguments import integer
from .operators import check_images, operators_named


class LeNet(nn.Layer):
    """LeNet-5 as in the book: three convolutions, two poolings, two linear layers.

    Parameters
    ----------
    in_channels : int
        Channels of the images (1 for MNIST).
    num_classes : int
        Length of the logits.
    operators : 'hand' or 'paddle'
        Where convolution and pooling come from.
    input_size : int, default 32
        Height and width of the images. 28 pads by 2 in the first convolution, so that all shapes
        and weights are those of 32; for other sizes the last convolution takes the whole map.

    Shapes
    ------
    X [B, in_channels, input_size, input_size] float32 → logits [B, num_classes] float32.

    References
    ----------
    LeCun et al., *Gradient-based learning applied to document recognition*, 1998;
    the book, section 5.3.
    """

    def __init__(self, in_channels=1, num_classes=10, operators="hand", input_size=32):
        super().__init__()
        self.in_channels = integer("in_channels", in_channels, 1)
        integer("num_classes", num_classes, 1)
        self.input_size = integer("input_size", input_size, 16)
        padding = 2 if input_size == 28 else 0
        last = ((input_size + 2 * padding - 4) // 2 - 4) // 2
        Conv, pool, _ = operators_named(operators)
        self.conv1 = Conv(in_channels, 6, 5, padding=padding)
        self.pool2 = pool("max", 2, stride=2)
        self.conv3 = Conv(6, 16, 5)
        self.pool4 = pool("avg", 2, stride=2)
        self.conv5 = Conv(16, 120, last)
        self.linear6 = nn.Linear(120, 84)
        self.linear7 = nn.Linear(84, num_classes)

    def forward(self, X):
        check_images(X, self.in_channels, "LeNet")
        if list(X.shape[2:]) != [self.input_size] * 2:
            raise ValueError(
                f"LeNet expects {self.input_size}×{self.input_size} images, got "
                f"{X.shape[2]}×{X.shape[3]}: resize them, or build it for them with input_size="
            )
        X = self.pool2(F.relu(self.conv1(X)))  # [B, 6, 14, 14]
        X = self.pool4(F.relu(self.conv3(X)))  # [B, 16, 5, 5]
        X = F.relu(self.conv5(X))  # [B, 120, 1, 1]
        X = paddle.flatten(X, start_axis=1)  # [B, 120]
        X = F.relu(self.linear6(X))  # [B, 84]
        return self.linear7(X)  # [B, num_classes]


# The book's names.
class Model_LeNet(LeNet):
    """LeNet-5 from the operators written by hand; see `LeNet`."""

    def __init__(self, in_channels, num_classes=10):
        super().__init__(in_channels, num_classes, operators="hand")


class Paddle_LeNet(LeNet):
    """LeNet-5 from the layers of `paddle.nn`; see `LeNet`."""

    def __init__(self, in_channels, num_classes=10):
        super().__init__(in_channels, num_classes, operators="paddle")
