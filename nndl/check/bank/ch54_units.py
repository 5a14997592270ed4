"""Exercises of 5.4 on residual units: forward pass, parameters, the bottleneck."""

from types import MappingProxyType

import numpy as np

from ..exercise import Case, Exercise, case, integers

# -- 5.4-4 -------------------------------------------------------------------------------------


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


def _unit_case(in_channels, out_channels, stride, size, seed, about=()):
    def make():
        unit = _Parts()
        conv = {"bias_attr": False}
        unit.conv1 = fixed_layer(
            *("conv", in_channels, out_channels, 3, stride), seed=seed, padding=1, **conv
        )
        unit.conv2 = fixed_layer(
            *("conv", out_channels, out_channels, 3), seed=seed + 1, padding=1, **conv
        )
        unit.bn1, unit.bn2 = (fixed_layer("bn", out_channels, seed=seed + k) for k in (2, 3))
        unit.shortcut = unit.bn3 = None
        if stride != 1 or in_channels != out_channels:
            unit.shortcut = fixed_layer(
                *("conv", in_channels, out_channels, 1, stride), seed=seed + 4, **conv
            )
            unit.bn3 = fixed_layer("bn", out_channels, seed=seed + 5)
        import paddle

        return paddle.to_tensor(integers([2, in_channels, *size], seed + 6)), unit

    return Case(make, about)


def _compose(*mistakes):
    """The unit's forward pass, with mistakes."""
    has = mistakes.__contains__

    def forward(X, unit):
        import paddle.nn.functional as F

        Y = unit.conv1(X)
        if has("bn_before_conv"):
            Y = unit.conv2(F.relu(Y))
            return F.relu(unit.bn2(unit.bn1(Y)) + _direct(X, unit, has))
        Y = Y if has("first_bn") or has("no_bn") else unit.bn1(Y)
        Y = unit.conv2(Y if has("middle_relu") else F.relu(Y))
        if not (has("second_bn") or has("no_bn")):
            Y = (unit.bn1 if has("bn_reused") else unit.bn2)(Y)
        if has("relu_before_addition"):
            return F.relu(Y) + _direct(X, unit, has)
        if has("relu_twice"):
            Y = F.relu(Y)
        if not has("no_shortcut"):
            Y = Y - _direct(X, unit, has) if has("subtracted") else Y + _direct(X, unit, has)
        return Y if has("no_final_relu") else F.relu(Y)

    return forward


def _direct(X, unit, has):
    import paddle.nn.functional as F

    if unit.shortcut is None or has("without_1x1"):
        return X
    straight = unit.shortcut(X)
    straight = straight if has("shortcut_bn") or has("no_bn") else unit.bn3(straight)
    return F.relu(straight) if has("shortcut_relu") else straight


RESIDUAL_UNIT = Exercise(
    id="5.4-4",
    title="写出残差单元的前向计算",
    english="Forward pass of a residual unit",
    level=2,
    prompt="""
    `unit` 已经有了全部的层：`conv1`、`bn1`、`conv2`、`bn2`，以及直连边上的 `shortcut` 和 `bn3`
    （输入输出同形状时两者都是 `None`）。请按图写出前向计算：
    卷积 → BN → ReLU → 卷积 → BN → **加上直连边** → ReLU。直连边是 `X` 本身，或 `bn3(shortcut(X))`。
    `X` [N, D, M, N] 是张量，返回张量。""",
    stub="""
    def my_residual_forward(X, unit):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先写残差的一路：`Y = F.relu(unit.bn1(unit.conv1(X)))`，然后是第二个卷积和 bn2，**没有** ReLU。",
        "直连边有两种：`unit.shortcut is None` 时就是 X，否则是 `unit.bn3(unit.shortcut(X))`。",
        "先相加，再做一次 ReLU，返回。",
    ),
    solution="""
    def my_residual_forward(X, unit):
        Y = F.relu(unit.bn1(unit.conv1(X)))
        Y = unit.bn2(unit.conv2(Y))  # 这里没有 ReLU：残差可正可负
        direct = X if unit.shortcut is None else unit.bn3(unit.shortcut(X))
        return F.relu(Y + direct)  # 先相加，后 ReLU
    """,
    reference=_compose(),
    cases=(
        _unit_case(2, 2, 1, (3, 4), 431),
        _unit_case(3, 3, 1, (4, 3), 441),
        _unit_case(2, 4, 1, (3, 3), 451, about="通道数改变"),
        _unit_case(2, 4, 2, (4, 6), 461, about=("通道数改变", "步长")),
        _unit_case(3, 3, 2, (5, 4), 471, about="步长"),
    ),
    mutants={
        "shortcut_forgotten": _compose("no_shortcut"),
        "shortcut_without_1x1": _compose("without_1x1"),
        "relu_before_addition": _compose("relu_before_addition"),
        "final_relu_missing": _compose("no_final_relu"),
        "middle_relu_missing": _compose("middle_relu"),
        "batch_norm_forgotten": [
            _compose("no_bn"),
            _compose("first_bn"),
            _compose("second_bn"),
            _compose("first_bn", "second_bn"),
        ],
        "shortcut_batch_norm_forgotten": (
            _compose("shortcut_bn"),
            "直连边上的 1×1 卷积之后也有批量归一化：bn3(shortcut(X))。",
        ),
        "relu_on_both_sides": (
            _compose("relu_twice"),
            "bn2 之后多做了一次 ReLU：残差应当可正可负，先相加再 ReLU。",
        ),
        "relu_on_shortcut": (_compose("shortcut_relu"), "直连边上不做 ReLU。"),
        "batch_norm_reused": (
            _compose("bn_reused"),
            "第二个卷积之后要用 bn2；每个 BN 有自己的 γ、β 和统计量。",
        ),
        "batch_norms_together": (
            _compose("bn_before_conv"),
            "每个卷积**之后**紧跟它自己的 BN，不是把两个 BN 放在一起。",
        ),
        "shortcut_subtracted": (_compose("subtracted"), "直连边要**加**上去，不是减。"),
        "shortcut_forgotten+final_relu_missing": _compose("no_shortcut", "no_final_relu"),
    },
)

# -- 5.4-5 -------------------------------------------------------------------------------------


def _bottleneck_params(in_channels, out_channels, stride, *mistakes):
    """(plain, bottleneck): trainable parameters of both units, with mistakes."""
    has = mistakes.__contains__
    norm = 0 if has("no_bn") else 4 if has("statistics") else 2
    bias = 1 if has("conv_bias") else 0

    def conv(inputs, outputs, kernel):
        side = kernel if has("kernel_not_squared") else kernel**2
        return outputs * (inputs * side + bias) + norm * outputs

    direct = conv(in_channels, out_channels, 1)
    changed = {
        "no_shortcut": False,
        "always_shortcut": True,
        "stride_only": stride != 1,
        "channels_only": in_channels != out_channels,
    }
    named = [value for name, value in changed.items() if has(name)]
    direct *= named[0] if named else stride != 1 or in_channels != out_channels
    waist = in_channels // 4 if has("waist_of_input") else out_channels // 4
    plain = conv(in_channels, out_channels, 3) + conv(out_channels, out_channels, 3)
    narrow = conv(in_channels, waist, 1) + conv(waist, waist, 3) + conv(waist, out_channels, 1)
    return plain + direct, narrow + direct


def _counted(*mistakes):
    return lambda *a: _bottleneck_params(*a, *mistakes)


def _layer_params(in_channels, out_channels, stride):
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


UNIT_PARAMETERS = Exercise(
    id="5.4-5",
    title="残差单元与瓶颈单元的参数量",
    english="Parameters of residual and bottleneck units",
    prompt="""
    从 $D$ = `in_channels` 到 $P$ = `out_channels`，数一数**可训练**参数：
    1. 普通残差单元：3×3 卷积 $D\\to P$，3×3 卷积 $P\\to P$；
    2. 瓶颈单元（bottleneck）：1×1 卷积 $D\\to P/4$，3×3 卷积 $P/4\\to P/4$，1×1 卷积 $P/4\\to P$。

    卷积都没有偏置，每个卷积之后有 BN（每个通道 γ、β 两个参数）。步长不是 1 **或** $D\\ne P$ 时，直连边还有
    1×1 卷积 $D\\to P$ 和它的 BN。依次返回两个整数。""",
    stub="""
    def my_unit_params(in_channels, out_channels, stride=1):
        plain = bottleneck = None
        # 在这里写你的代码
        ...
        return plain, bottleneck
    """,
    hints=(
        "先写一个小函数：一个卷积加一个 BN 有 `inputs * outputs * kernel**2 + 2 * outputs` 个参数。",
        "滑动均值和方差不是训练出来的，不算在可训练参数里。",
        "直连边：`if stride != 1 or in_channels != out_channels`，两种单元都加同样的一份。",
    ),
    solution="""
    def my_unit_params(in_channels, out_channels, stride=1):
        def conv_bn(inputs, outputs, kernel):
            return inputs * outputs * kernel**2 + 2 * outputs  # 2：BN 的 γ 和 β

        waist = out_channels // 4
        plain = conv_bn(in_channels, out_channels, 3) + conv_bn(out_channels, out_channels, 3)
        bottleneck = conv_bn(in_channels, waist, 1) + conv_bn(waist, waist, 3)
        bottleneck += conv_bn(waist, out_channels, 1)
        if stride != 1 or in_channels != out_channels:  # 直连边不能是恒等
            plain += conv_bn(in_channels, out_channels, 1)
            bottleneck += conv_bn(in_channels, out_channels, 1)
        return plain, bottleneck
    """,
    reference=_layer_params,
    cases=(
        case(64, 64, 1),
        case(16, 16, 2, about="步长"),
        case(8, 16, 1, about="通道数改变"),
        case(64, 128, 2, about=("步长", "通道数改变")),
        case(32, 32, 1),
    ),
    mutants={
        "batch_norm_forgotten": (_counted("no_bn"), "BN 的 γ、β 也是可训练参数：每个通道 2 个。"),
        "statistics_counted": (
            _counted("statistics"),
            "滑动均值和方差是缓冲区（buffer），不参加训练：每个通道只数 γ、β。",
        ),
        "bias_counted": (_counted("conv_bias"), "卷积没有偏置（BN 的 β 代替了它）。"),
        "shortcut_forgotten": (
            _counted("no_shortcut"),
            "形状改变时，直连边上的 1×1 卷积和它的 BN 也有参数。",
        ),
        "shortcut_always": (
            _counted("always_shortcut"),
            "形状不变时，直连边是恒等映射，没有参数。",
        ),
        "shortcut_condition": (
            [_counted("stride_only"), _counted("channels_only")],
            "步长不是 1、通道数改变，**任何一个**成立都需要 1×1 卷积（or，不是只看一个）。",
        ),
        "kernel_not_squared": (_counted("kernel_not_squared"), "3×3 的核有 9 个权重，不是 3 个。"),
        "waist_of_input": (
            _counted("waist_of_input"),
            "瓶颈的腰宽是**输出**通道数的四分之一。",
        ),
    },
    outputs=("plain", "bottleneck"),
    integer=True,
)

# -- 5.4-6 -------------------------------------------------------------------------------------


def _bottleneck(X, weights, stride, *mistakes):
    """A bottleneck unit with batch statistics, written with functions; `weights` by name."""
    import paddle
    import paddle.nn.functional as F

    has = mistakes.__contains__

    def conv_bn(X, name, stride=1, padding=0):
        plain = has("no_bn") or has(f"no_bn_{name}")
        W = paddle.to_tensor(weights[name])
        Y = F.conv2d(X, W, stride=stride, padding=padding)
        D = W.shape[0]
        state = paddle.zeros([D]), paddle.ones([D])
        return Y if plain else F.batch_norm(Y, *state, training=True)

    first = stride if has("stride_first") or has("stride_twice") else 1
    elsewhere = has("stride_first") or has("stride_last") or has("stride_not_in_path")
    Y = conv_bn(X, "conv1", first)
    Y = Y if has("first_relu") or has("middle_relu") else F.relu(Y)
    Y = conv_bn(Y, "conv2", 1 if elsewhere else stride, 0 if has("padding_forgotten") else 1)
    Y = Y if has("second_relu") or has("middle_relu") else F.relu(Y)
    Y = conv_bn(Y, "conv3", stride if has("stride_last") else 1)
    if has("relu_before_addition"):
        Y = F.relu(Y)
    direct = X
    if "shortcut" in weights and not has("without_1x1"):
        direct = conv_bn(X, "shortcut", 1 if has("stride_not_in_shortcut") else stride)
    if not has("no_shortcut"):
        Y = Y + direct
    return Y if has("no_final_relu") or has("relu_before_addition") else F.relu(Y)


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
    return case(
        integers([2, in_channels, *size], seed + 9), MappingProxyType(weights), stride, about=about
    )


def _call_bottleneck(unit_class, X, weights, stride):
    """Build the student's unit, give its convolutions known weights, train on one batch."""
    from ...layers.normalization import BatchNorm2D

    unit = unit_class(X.shape[1], len(weights["conv3"]), stride)
    for name, values in weights.items():
        weight = getattr(getattr(unit, name, None), "weight", None)
        if weight is None:
            raise ValueError(
                f"步长 {stride}、{X.shape[1]} → {len(weights['conv3'])} 通道时缺少 {name}"
            )
        if list(weight.shape) != list(values.shape):
            shapes = list(values.shape), list(weight.shape)
            raise ValueError("{}.weight 的形状应为 {}，得到 {}".format(name, *shapes))
        weight.set_value(values)
    for layer in unit.sublayers():
        if type(layer).__name__ == "BatchNorm2D":
            layer.__class__ = BatchNorm2D  # the same computation, without Paddle's warning
    unit.train()
    return unit(X)


def _faulty_bottleneck(*mistakes):
    return lambda X, weights, stride: _bottleneck(X, weights, stride, *mistakes)


BOTTLENECK = Exercise(
    id="5.4-6",
    title="瓶颈残差单元",
    english="A bottleneck unit",
    level=3,
    prompt="""
    写出更深的残差网络（如 ResNet50）使用的瓶颈单元，类的名字和下列属性名请保留：
    `conv1`（1×1，$D\\to P/4$）→ BN → ReLU → `conv2`（3×3，填充 1，**步长在这里**）→ BN → ReLU →
    `conv3`（1×1，$P/4\\to P$）→ BN → 加直连边 → ReLU。
    步长不是 1 或 $D\\ne P$ 时，直连边是 `shortcut`（1×1，同样的步长）→ BN；否则是恒等映射。
    卷积都不要偏置（`bias_attr=False`），BN 用 `nn.BatchNorm2D`。""",
    stub="""
    class MyBottleneck(nn.Layer):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__()
            # 在这里写你的代码：定义各层
            ...

        def forward(self, X):
            # X [N, D, M, N] → [N, P, ⌈M/S⌉, ⌈N/S⌉]
            # 在这里写你的代码
            ...
    """,
    hints=(
        "腰宽 `waist = out_channels // 4`。先把四个卷积和它们的 BN 在 `__init__` 里定义好。",
        "`self.conv2 = nn.Conv2D(waist, waist, 3, stride, padding=1, bias_attr=False)`；"
        "`shortcut` 的步长也是 stride。",
        "前向：三次“卷积、BN”，前两次之后有 ReLU，第三次之后先加直连边，再 ReLU。",
    ),
    solution="""
    class MyBottleneck(nn.Layer):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__()
            waist = out_channels // 4
            self.conv1 = nn.Conv2D(in_channels, waist, 1, bias_attr=False)
            self.bn1 = nn.BatchNorm2D(waist)
            self.conv2 = nn.Conv2D(waist, waist, 3, stride, padding=1, bias_attr=False)
            self.bn2 = nn.BatchNorm2D(waist)
            self.conv3 = nn.Conv2D(waist, out_channels, 1, bias_attr=False)
            self.bn3 = nn.BatchNorm2D(out_channels)
            self.shortcut = None
            if stride != 1 or in_channels != out_channels:
                self.shortcut = nn.Conv2D(in_channels, out_channels, 1, stride, bias_attr=False)
                self.bn4 = nn.BatchNorm2D(out_channels)

        def forward(self, X):
            Y = F.relu(self.bn1(self.conv1(X)))
            Y = F.relu(self.bn2(self.conv2(Y)))
            Y = self.bn3(self.conv3(Y))
            direct = X if self.shortcut is None else self.bn4(self.shortcut(X))
            return F.relu(Y + direct)
    """,
    reference=lambda X, weights, stride: _bottleneck(X, weights, stride),
    cases=(
        _bottleneck_case(8, 8, 1, (3, 4), 501),
        _bottleneck_case(4, 8, 1, (4, 3), 521, about="通道数改变"),
        _bottleneck_case(4, 8, 2, (4, 6), 541, about=("通道数改变", "步长")),
        _bottleneck_case(8, 8, 2, (5, 5), 561, about="步长"),
        _bottleneck_case(8, 12, 2, (3, 3), 581, about=("通道数改变", "步长")),
        _bottleneck_case(12, 12, 1, (3, 3), 601),
    ),
    mutants={
        "shortcut_forgotten": _faulty_bottleneck("no_shortcut"),
        "shortcut_without_1x1": _faulty_bottleneck("without_1x1"),
        "relu_before_addition": _faulty_bottleneck("relu_before_addition"),
        "final_relu_missing": _faulty_bottleneck("no_final_relu"),
        "middle_relu_missing": (
            [_faulty_bottleneck(name) for name in ("middle_relu", "first_relu", "second_relu")],
            "前两个 BN 之后都要做 ReLU，否则相邻的两个卷积之间没有非线性。",
        ),
        "batch_norm_forgotten": [
            _faulty_bottleneck(f"no_bn{which}")
            for which in ("", "_conv1", "_conv2", "_conv3", "_shortcut")
        ],
        "padding_forgotten": _faulty_bottleneck("padding_forgotten"),
        "stride_twice": (
            _faulty_bottleneck("stride_twice"),
            "步长在主路上用了两次；只有 3×3 卷积（和直连边上的 1×1 卷积）有步长。",
        ),
        "stride_in_first_conv": (
            _faulty_bottleneck("stride_first"),
            "步长放在了第一个 1×1 卷积上，它会跳过四分之三的像素；这里要放在 3×3 卷积上。",
        ),
        "stride_in_last_conv": (
            _faulty_bottleneck("stride_last"),
            "步长放在了最后的 1×1 卷积上；这里要放在 3×3 卷积上。",
        ),
        "stride_in_one_path_only": (
            [
                _faulty_bottleneck("stride_not_in_shortcut"),
                _faulty_bottleneck("stride_not_in_path"),
            ],
            "步长只用在了一条路上：主路的 3×3 卷积和直连边的 1×1 卷积都要用，否则形状对不上。",
        ),
    },
    call=_call_bottleneck,
)

UNITS = (RESIDUAL_UNIT, UNIT_PARAMETERS, BOTTLENECK)
