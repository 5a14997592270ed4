"""LeNet-5 and ResNet18, built from the operators written by hand or from `paddle.nn`.

Both operator sets give the same state_dict, so that weights move freely
between them: load one model's into the other and the outputs agree.
"""

import paddle
import paddle.nn as nn
import paddle.nn.functional as F

from .convolution import Conv2D
from .normalization import BatchNorm2D
from .pooling import Pool2D


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


def _operators(name):
    if name not in OPERATORS:
        raise ValueError(
            f"operators must be one of {', '.join(map(repr, OPERATORS))}, got {name!r}: "
            "'hand' takes nndl's Conv2D and Pool2D, 'paddle' those of paddle.nn"
        )
    return OPERATORS[name]


def _check_sizes(**sizes):
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")


def _check_images(X, channels, owner):
    shape = list(getattr(X, "shape", []))
    if len(shape) != 4 or shape[1] != channels:
        raise ValueError(
            f"{owner} expects a batch of images [N, {channels}, M, N'], got shape {shape}; "
            f"for one image add the batch axis with X.unsqueeze(0)"
        )


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

    Shapes
    ------
    X [N, in_channels, 32, 32] float32 → logits [N, num_classes] float32.

    References
    ----------
    LeCun et al., *Gradient-based learning applied to document recognition*, 1998;
    the book, section 5.3.
    """

    def __init__(self, in_channels=1, num_classes=10, operators="hand"):
        super().__init__()
        _check_sizes(in_channels=in_channels, num_classes=num_classes)
        Conv, pool, _ = _operators(operators)
        self.conv1 = Conv(in_channels, 6, 5)
        self.pool2 = pool("max", 2, stride=2)
        self.conv3 = Conv(6, 16, 5)
        self.pool4 = pool("avg", 2, stride=2)
        self.conv5 = Conv(16, 120, 5)
        self.linear6 = nn.Linear(120, 84)
        self.linear7 = nn.Linear(84, num_classes)
        self.in_channels = in_channels

    def forward(self, X):
        _check_images(X, self.in_channels, "LeNet")
        if list(X.shape[2:]) != [32, 32]:
            raise ValueError(
                f"LeNet expects 32×32 images, got {X.shape[2]}×{X.shape[3]}: resize them, "
                "or pad MNIST's 28×28 by 2 on every side"
            )
        X = self.pool2(F.relu(self.conv1(X)))  # [N, 6, 14, 14]
        X = self.pool4(F.relu(self.conv3(X)))  # [N, 16, 5, 5]
        X = F.relu(self.conv5(X))  # [N, 120, 1, 1]
        X = paddle.flatten(X, start_axis=1)  # [N, 120]
        X = F.relu(self.linear6(X))  # [N, 84]
        return self.linear7(X)  # [N, num_classes]


class ResBlock(nn.Layer):
    """Residual unit: ReLU(BN(conv(ReLU(BN(conv(X))))) + shortcut(X)).

    The shortcut is the identity, or a 1×1 convolution with batch norm where
    the number of channels or the stride changes the shape.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
        Of the first convolution and of the shortcut.
    use_residual : bool
        False leaves the direct edge out: two plain convolutions.
    operators : 'hand' or 'paddle'

    Shapes
    ------
    X [N, in_channels, M, N'] → [N, out_channels, ⌈M/stride⌉, ⌈N'/stride⌉], float32.

    References
    ----------
    He et al., *Deep residual learning for image recognition*, 2015, figure 2.
    """

    def __init__(self, in_channels, out_channels, stride=1, use_residual=True, operators="hand"):
        super().__init__()
        _check_sizes(in_channels=in_channels, out_channels=out_channels, stride=stride)
        Conv, _, BatchNorm = _operators(operators)
        self.use_residual = use_residual
        self.conv1 = Conv(in_channels, out_channels, 3, stride, padding=1, bias_attr=False)
        self.bn1 = BatchNorm(out_channels)
        self.conv2 = Conv(out_channels, out_channels, 3, padding=1, bias_attr=False)
        self.bn2 = BatchNorm(out_channels)
        self.shortcut = self.bn3 = None
        if use_residual and (stride != 1 or in_channels != out_channels):
            self.shortcut = Conv(in_channels, out_channels, 1, stride, bias_attr=False)
            self.bn3 = BatchNorm(out_channels)
        self.in_channels = in_channels

    def forward(self, X):
        _check_images(X, self.in_channels, "ResBlock")
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.use_residual:
            Y = Y + (X if self.shortcut is None else self.bn3(self.shortcut(X)))
        return F.relu(Y)


def _stage(in_channels, out_channels, stride, **options):
    """Two residual units; the first changes channels and size."""
    return nn.Sequential(
        ResBlock(in_channels, out_channels, stride, **options),
        ResBlock(out_channels, out_channels, **options),
    )


class ResNet18(nn.Layer):
    """ResNet18 in the book's six modules.

    Parameters
    ----------
    in_channels : int
        Channels of the images (1 for MNIST, 3 for CIFAR-10).
    num_classes : int
    use_residual : bool
        False gives the same network without any shortcut.
    operators : 'hand' or 'paddle'
    stem : 'imagenet' or 'cifar'
        'imagenet': 7×7 convolution with stride 2, then 3×3 max pooling with stride 2, as in the
        book and the paper; 'cifar': one 3×3 convolution and no pooling, which keeps 32×32 images
        at full size (16 times the work in modules 2 to 5, higher accuracy).

    Shapes
    ------
    X [N, in_channels, M, N'] → logits [N, num_classes], float32. With the 'imagenet' stem and
    32×32 images the modules give 64×8×8, 64×8×8, 128×4×4, 256×2×2, 512×1×1, num_classes.

    References
    ----------
    He et al., *Deep residual learning for image recognition*, 2015, table 1; the book, section 5.4.
    """

    def __init__(
        self, in_channels=3, num_classes=10, use_residual=True, operators="hand", stem="imagenet"
    ):
        super().__init__()
        _check_sizes(in_channels=in_channels, num_classes=num_classes)
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"stem must be 'imagenet' or 'cifar', got {stem!r}")
        Conv, pool, BatchNorm = _operators(operators)
        options = {"use_residual": use_residual, "operators": operators}
        if stem == "imagenet":
            layers = [Conv(in_channels, 64, 7, 2, padding=3, bias_attr=False), BatchNorm(64)]
            layers += [nn.ReLU(), pool("max", 3, stride=2, padding=1)]
        else:
            layers = [Conv(in_channels, 64, 3, padding=1, bias_attr=False), BatchNorm(64)]
            layers += [nn.ReLU()]
        self.module1 = nn.Sequential(*layers)
        self.module2 = _stage(64, 64, stride=1, **options)
        self.module3 = _stage(64, 128, stride=2, **options)
        self.module4 = _stage(128, 256, stride=2, **options)
        self.module5 = _stage(256, 512, stride=2, **options)
        self.module6 = nn.Sequential(
            nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(512, num_classes)
        )
        self.in_channels, self.use_residual, self.stem = in_channels, use_residual, stem

    def forward(self, X):
        _check_images(X, self.in_channels, "ResNet18")
        X = self.module2(self.module1(X))
        X = self.module5(self.module4(self.module3(X)))
        return self.module6(X)


#: where the parts of a unit and the modules stand in `paddle.vision.models.resnet18`
_VISION_MODULES = {
    "module1.0": "conv1",
    "module1.1": "bn1",
    **{f"module{i + 1}": f"layer{i}" for i in (1, 2, 3, 4)},
    "module6.2": "fc",
}
_VISION_PARTS = {"shortcut": "downsample.0", "bn3": "downsample.1"}


def vision_state_dict(model):
    """The weights of a residual `ResNet18`, under the names of `paddle.vision.models.resnet18`.

    Parameters
    ----------
    model : ResNet18 with use_residual=True and the 'imagenet' stem

    Returns
    -------
    dict of str to Tensor
        Every parameter and buffer; the tensors are shared, not copied. The values fit
        `paddle.vision.models.resnet18(num_classes=...)` with nothing missing or left over.

    Raises
    ------
    TypeError, ValueError
        If the model is not such a ResNet18: `paddle.vision` has no other form.

    Examples
    --------
    >>> import paddle
    >>> from nndl.model import ResNet18, vision_state_dict
    >>> theirs = paddle.vision.models.resnet18(num_classes=10)
    >>> theirs.set_state_dict(vision_state_dict(ResNet18()))
    ([], [])
    """
    if not isinstance(model, ResNet18):
        raise TypeError(f"vision_state_dict expects a ResNet18, got a {type(model).__name__}")
    if model.stem != "imagenet" or not model.use_residual:
        raise ValueError(
            "vision_state_dict expects use_residual=True and stem='imagenet', as in paddle.vision; "
            f"got use_residual={model.use_residual} and stem={model.stem!r}"
        )
    renamed = {}
    for name, value in model.state_dict().items():
        ours = max((m for m in _VISION_MODULES if name.startswith(m + ".")), key=len)
        parts = name[len(ours) + 1 :].split(".")
        parts = [_VISION_PARTS.get(part, part) for part in parts]
        renamed[".".join([_VISION_MODULES[ours], *parts])] = value
    return renamed


# The book's names.
class Model_LeNet(LeNet):
    """LeNet-5 from the operators written by hand; see `LeNet`."""

    def __init__(self, in_channels, num_classes=10):
        super().__init__(in_channels, num_classes, operators="hand")


class Paddle_LeNet(LeNet):
    """LeNet-5 from the layers of `paddle.nn`; see `LeNet`."""

    def __init__(self, in_channels, num_classes=10):
        super().__init__(in_channels, num_classes, operators="paddle")


Model_ResNet18 = ResNet18
