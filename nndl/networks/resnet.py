"""Residual units, ResNet18 and the ResNet-20 of CIFAR-10."""

import paddle.nn as nn
import paddle.nn.functional as F

from .._arguments import integer
from .operators import check_images, operators_named


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
    X [B, in_channels, M, N] → [B, out_channels, ⌈M/stride⌉, ⌈N/stride⌉], float32.

    References
    ----------
    He et al., *Deep residual learning for image recognition*, 2015, figure 2.
    """

    def __init__(self, in_channels, out_channels, stride=1, use_residual=True, operators="hand"):
        super().__init__()
        sizes = {"in_channels": in_channels, "out_channels": out_channels, "stride": stride}
        for name, size in sizes.items():
            integer(name, size, 1)
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


def resnet_module(
    input_channels, out_channels, num_res_blocks, stride=1, use_residual=True, operators="hand"
):
    """A list of residual units, of which the first changes channels and size."""
    return [
        ResBlock(
            out_channels if number else input_channels,
            out_channels,
            1 if number else stride,
            use_residual,
            operators,
        )
        for number in range(integer("num_res_blocks", num_res_blocks, 1))
    ]


def make_first_module(in_channels, stem="imagenet", width=64, operators="hand"):
    """Module 1: convolution, batch norm, ReLU, and with the 'imagenet' stem max pooling."""
    Conv, pool, BatchNorm = operators_named(operators)
    kernel, stride, padding = (7, 2, 3) if stem == "imagenet" else (3, 1, 1)
    conv = Conv(in_channels, width, kernel, stride, padding=padding, bias_attr=False)
    layers = [conv, BatchNorm(width), nn.ReLU()]
    if stem == "imagenet":
        layers.append(pool("max", 3, stride=2, padding=1))
    return nn.Sequential(*layers)


def make_modules(use_residual, units=(2, 2, 2, 2), widths=(64, 128, 256, 512), operators="hand"):
    """The modules of residual units: each but the first halves height and width."""
    return tuple(
        nn.Sequential(*resnet_module(a, b, count, 1 if a == b else 2, use_residual, operators))
        for a, b, count in zip(widths[:1] + widths[:-1], widths, units, strict=True)
    )


class ResNet18(nn.Layer):
    """ResNet18 in the book's six modules, or another depth.

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
    units : tuple of int
        Residual units of each module from the second on: (3, 4, 6, 3) is ResNet34.
    widths : tuple of int
        Channels of those modules.

    Shapes
    ------
    X [B, in_channels, M, N] → logits [B, num_classes], float32. With the 'imagenet' stem and
    32×32 images the modules give 64×8×8, 64×8×8, 128×4×4, 256×2×2, 512×1×1, num_classes.

    References
    ----------
    He et al., *Deep residual learning for image recognition*, 2015, table 1; the book, section 5.4.
    """

    def __init__(
        self, in_channels=3, num_classes=10, use_residual=True, operators="hand", stem="imagenet",
        units=(2, 2, 2, 2), widths=(64, 128, 256, 512),
    ):  # fmt: skip
        super().__init__()
        integer("in_channels", in_channels, 1)
        integer("num_classes", num_classes, 1)
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"stem must be 'imagenet' or 'cifar', got {stem!r}")
        if not units or len(units) != len(widths):
            raise ValueError(f"units and widths must be as many, got {units} and {widths}")
        self.module1 = make_first_module(in_channels, stem, widths[0], operators)
        modules = [*make_modules(use_residual, tuple(units), tuple(widths), operators)]
        head = [nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(widths[-1], num_classes)]
        for number, module in enumerate([*modules, nn.Sequential(*head)], 2):
            setattr(self, f"module{number}", module)
        self._count = number
        self.in_channels, self.use_residual, self.stem = in_channels, use_residual, stem

    def forward(self, X):
        check_images(X, self.in_channels, type(self).__name__)
        for number in range(1, self._count + 1):
            X = getattr(self, f"module{number}")(X)
        return X

    def names_of_others(self, arrays):
        """Weights of the book's ResNet18 or of `paddle.vision`'s, under this network's names.

        The book's first convolution has a bias. Batch norm takes it off again with the running
        mean, so that a running mean lowered by it gives the same outputs.

        Returns
        -------
        arrays : dict of str to ndarray
        said : list of str
            What was done, in words.
        """
        if any(name.startswith("net.") for name in arrays):
            names, what = _BOOK_MODULES, "the book's ResNet18"
        elif any(name.startswith("layer1.") for name in arrays):
            names, what = {v: k for k, v in _VISION_MODULES.items()}, "paddle.vision's ResNet18"
        else:
            return arrays, []
        parts, renamed = {v: k for k, v in _VISION_PARTS.items()}, {}
        for name, array in arrays.items():
            theirs = max((m for m in names if name.startswith(m + ".")), key=len, default=None)
            if theirs is not None:
                name = names[theirs] + name[len(theirs) :]
            for old, new in parts.items():
                name = name.replace(f".{old}.", f".{new}.")
            renamed[name] = array
        said = [f"names of {what} were mapped"]
        bias = renamed.pop("module1.0.bias", None)
        if bias is not None and "module1.1._mean" in renamed:
            renamed["module1.1._mean"] = renamed["module1.1._mean"] - bias
            said.append("the first convolution's bias went into the running mean behind it")
        if not self.use_residual:  # the book makes shortcuts that are never used
            unused = [n for n in renamed if ".shortcut." in n or ".bn3." in n]
            renamed = {n: a for n, a in renamed.items() if n not in unused}
            said += [f"{len(unused)} arrays of shortcuts were left out"] if unused else []
        return renamed, said


class ResNet20(ResNet18):
    """The small residual network of CIFAR-10: three stages of 16, 32 and 64 channels.

    Where the shape changes, the shortcut is a 1×1 convolution as in `ResBlock`; the paper fills up
    with zeros there. Hence 272,474 parameters to train for ten classes, not 269,722.

    Parameters
    ----------
    in_channels, num_classes, use_residual, operators
        As for `ResNet18`.

    Shapes
    ------
    X [B, in_channels, 32, 32] → 16×32×32 (modules 1 and 2), 32×16×16, 64×8×8 → logits
    [B, num_classes], float32.

    References
    ----------
    He et al., *Deep residual learning for image recognition*, 2015, section 4.2 with n = 3.
    """

    def __init__(self, in_channels=3, num_classes=10, use_residual=True, operators="hand"):
        shape = {"stem": "cifar", "units": (3, 3, 3), "widths": (16, 32, 64)}
        super().__init__(in_channels, num_classes, use_residual, operators, **shape)


#: where the parts of a unit and the modules stand in `paddle.vision.models.resnet18`
_VISION_MODULES = {
    "module1.0": "conv1",
    "module1.1": "bn1",
    **{f"module{i + 1}": f"layer{i}" for i in (1, 2, 3, 4)},
    "module6.2": "fc",
}
_BOOK_MODULES = {f"net.{i}": f"module{i + 1}" for i in range(5)} | {"net.7": "module6.2"}
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
    if model.stem != "imagenet" or not model.use_residual or model._count != 6:
        raise ValueError(
            "vision_state_dict expects use_residual=True, stem='imagenet' and four stages, as in "
            f"paddle.vision; got use_residual={model.use_residual}, stem={model.stem!r} and "
            f"{model._count - 2} stages"
        )
    renamed = {}
    for name, value in model.state_dict().items():
        ours = max((m for m in _VISION_MODULES if name.startswith(m + ".")), key=len)
        parts = name[len(ours) + 1 :].split(".")
        parts = [_VISION_PARTS.get(part, part) for part in parts]
        renamed[".".join([_VISION_MODULES[ours], *parts])] = value
    return renamed


Model_ResNet18 = ResNet18
