"""Residual units and ResNet18."""

import paddle.nn as nn
import paddle.nn.functional as F

from .operators import check_images, check_sizes, operators_named


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
        check_sizes(in_channels=in_channels, out_channels=out_channels, stride=stride)
        Conv, _, BatchNorm = operators_named(operators)
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
        check_images(X, self.in_channels, "ResBlock")
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
        check_sizes(in_channels=in_channels, num_classes=num_classes)
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"stem must be 'imagenet' or 'cifar', got {stem!r}")
        Conv, pool, BatchNorm = operators_named(operators)
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
        check_images(X, self.in_channels, "ResNet18")
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
    >>> from nndl.networks import ResNet18, vision_state_dict
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


Model_ResNet18 = ResNet18
