"""Exercises of 5.4 on residual units: forward pass, parameters, bottleneck, pre-activation."""

import numpy as np

from ..exercise import Case, case, from_text, integers


class _Parts:
    """Layers of a residual unit with fixed numbers, ready to be composed."""


def fixed_layer(kind, *args, seed, **options):
    """A layer whose parameters come from `seed`."""
    import paddle.nn as nn

    from ...layers.normalization import BatchNorm2D

    layer = {"conv": nn.Conv2D, "bn": BatchNorm2D}[kind](*args, **options)
    generator = np.random.default_rng(seed)
    for weight in [p for p in layer.parameters() if not p.stop_gradient]:
        values = generator.integers(-3, 4, weight.shape) / 2 + (0.75 if kind == "bn" else 0)
        weight.set_value(values.astype("float32"))
    return layer


def _unit_case(in_channels, out_channels, stride, size, seed, about=(), before=False):
    """A unit; with `before` its batch norms stand in front of the convolutions."""

    def make():
        import paddle

        def conv(inputs, outputs, kernel, step, k):
            padding = kernel // 2
            return fixed_layer(
                *("conv", inputs, outputs, kernel, step),
                seed=seed + k,
                padding=padding,
                bias_attr=False,
            )

        unit = _Parts()
        unit.conv1 = conv(in_channels, out_channels, 3, stride, 0)
        unit.conv2 = conv(out_channels, out_channels, 3, 1, 1)
        unit.bn1 = fixed_layer("bn", in_channels if before else out_channels, seed=seed + 2)
        unit.bn2 = fixed_layer("bn", out_channels, seed=seed + 3)
        unit.shortcut = unit.bn3 = None
        if stride != 1 or in_channels != out_channels:
            unit.shortcut = conv(in_channels, out_channels, 1, stride, 4)
            unit.bn3 = None if before else fixed_layer("bn", out_channels, seed=seed + 5)
        return paddle.to_tensor(integers([2, in_channels, *size], seed + 6)), unit

    return Case(make, about)


def _unit_cases(seed, before=False):
    return (
        _unit_case(2, 2, 1, (3, 4), seed, before=before),
        _unit_case(3, 3, 1, (4, 3), seed + 10, before=before),
        _unit_case(2, 4, 1, (3, 3), seed + 20, "通道数改变", before),
        _unit_case(2, 4, 2, (4, 6), seed + 30, ("通道数改变", "步长"), before),
        _unit_case(3, 3, 2, (5, 4), seed + 40, "步长", before),
    )


def _residual(X, unit):
    """Reference: layer by layer, with NumPy between the layers."""
    import paddle

    def relu(Y):
        return paddle.to_tensor(np.maximum(Y.numpy(), 0))

    inner = relu(unit.bn1(unit.conv1(X)))
    outer = unit.bn2(unit.conv2(inner)).numpy()
    direct = X if unit.shortcut is None else unit.bn3(unit.shortcut(X))
    return np.maximum(outer + direct.numpy(), 0)


RESIDUAL_UNIT = from_text(
    "5.4-4",
    reference=_residual,
    cases=_unit_cases(431),
)


def _layer_params(in_channels, out_channels, stride=1):
    """Reference: build both units from paddle.nn and count."""
    import paddle.nn as nn

    def layers(*shapes):
        found = []
        for inputs, outputs, kernel in shapes:
            found += [nn.Conv2D(inputs, outputs, kernel, bias_attr=False), nn.BatchNorm2D(outputs)]
        return sum(p.size for layer in found for p in layer.parameters() if not p.stop_gradient)

    D, P, waist = in_channels, out_channels, out_channels // 4
    direct = layers((D, P, 1)) if stride != 1 or D != P else 0
    plain = layers((D, P, 3), (P, P, 3))
    return plain + direct, layers((D, waist, 1), (waist, waist, 3), (waist, P, 1)) + direct


UNIT_PARAMETERS = from_text(
    "5.4-5",
    reference=_layer_params,
    cases=(
        case(64, 64, 1),
        case(16, 16, 2, about="步长"),
        case(8, 16, 1, about="通道数改变"),
        case(64, 128, 2, about=("步长", "通道数改变")),
        case(32, 32, 1),
        case(64, 16, 1, about="通道数改变"),
    ),
    outputs=("plain", "bottleneck"),
    integer=True,
)


def _bottleneck(X, weights, stride=1):
    """Reference with functions and batch statistics, and what the unit should own."""
    import paddle
    import paddle.nn.functional as F

    def conv_bn(X, name, stride=1, padding=0):
        W = paddle.to_tensor(weights[name])
        state = paddle.zeros([len(W)]), paddle.ones([len(W)])
        return F.batch_norm(F.conv2d(X, W, stride=stride, padding=padding), *state, training=True)

    Y = F.relu(conv_bn(F.relu(conv_bn(X, "conv1")), "conv2", stride, 1))
    direct = conv_bn(X, "shortcut", stride) if "shortcut" in weights else X
    owned = sum(value.size + 2 * len(value) for value in weights.values())
    return F.relu(conv_bn(Y, "conv3") + direct), owned, len(weights)


def _bottleneck_case(in_channels, out_channels, stride, size, seed, about=()):
    waist = out_channels // 4
    shapes = {
        "conv1": [waist, in_channels, 1, 1],
        "conv2": [waist, waist, 3, 3],
        "conv3": [out_channels, waist, 1, 1],
    }
    if stride != 1 or in_channels != out_channels:
        shapes["shortcut"] = [out_channels, in_channels, 1, 1]
    weights = {
        name: integers(shape, seed + k) / 2 for k, (name, shape) in enumerate(shapes.items())
    }
    return case(integers([2, in_channels, *size], seed + 9), weights, stride, about=about)


def _call_bottleneck(unit_class, X, weights, stride):
    """Build the student's unit, give its convolutions known weights, train on one batch."""
    from ...layers.normalization import BatchNorm2D

    unit = unit_class(X.shape[1], len(weights["conv3"]), stride)
    for name, values in weights.items():
        layer = getattr(unit, name, None)
        weight = getattr(layer, "weight", None)
        if weight is None:
            raise ValueError(
                f"步长 {stride}、{X.shape[1]} → {len(weights['conv3'])} 通道时缺少 {name}"
            )
        if list(weight.shape) != list(values.shape):
            shapes = list(values.shape), list(weight.shape)
            raise ValueError("{}.weight 的形状应为 {}，得到 {}".format(name, *shapes))
        weight.set_value(values)
    used = []
    for layer in unit.sublayers():
        if type(layer).__name__ == "BatchNorm2D":
            layer.__class__ = BatchNorm2D  # the same computation, without Paddle's warning
            layer.register_forward_post_hook(lambda layer, *_: used.append(id(layer)))
    unit.train()
    Y = unit(X)
    owned = sum(p.size for p in unit.parameters() if not p.stop_gradient)
    return None if Y is None else (Y, owned, len(set(used)))


BOTTLENECK = from_text(
    "5.4-6",
    reference=_bottleneck,
    cases=(
        _bottleneck_case(8, 8, 1, (3, 4), 501),
        _bottleneck_case(4, 8, 1, (4, 3), 521, about="通道数改变"),
        _bottleneck_case(4, 8, 2, (4, 6), 541, about=("通道数改变", "步长")),
        _bottleneck_case(8, 8, 2, (5, 5), 561, about="步长"),
        _bottleneck_case(8, 12, 2, (3, 3), 581, about=("通道数改变", "步长")),
        _bottleneck_case(12, 12, 1, (3, 3), 601),
    ),
    outputs=("Y", "可训练参数的个数", "用到的 BN 的个数"),
    call=_call_bottleneck,
)


def _preactivation(X, unit):
    import paddle

    def relu(Y):
        return paddle.to_tensor(np.maximum(Y.numpy(), 0))

    inner = relu(unit.bn1(X))
    direct = X if unit.shortcut is None else unit.shortcut(inner)
    return unit.conv2(relu(unit.bn2(unit.conv1(inner)))).numpy() + direct.numpy()


PREACTIVATION = from_text(
    "5.4-8",
    reference=_preactivation,
    cases=_unit_cases(701, before=True),
)

EXERCISES = (RESIDUAL_UNIT, UNIT_PARAMETERS, BOTTLENECK, PREACTIVATION)
