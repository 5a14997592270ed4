"""Exercises of 5.4 on residual units: forward pass, parameters, bottleneck, pre-activation."""

import numpy as np

from ..exercise import Case, Exercise, case, integers


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
                *("conv", inputs, outputs, kernel, step), seed=seed + k, padding=padding, bias_attr=False
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


RESIDUAL_UNIT = Exercise(
    id="5.4-4",
    title="写出残差单元的前向计算",
    english="Forward pass of a residual unit",
    level=2,
    prompt="""
    `unit` 已经有了全部的层：`conv1`、`bn1`、`conv2`、`bn2`，以及直连边上的 `shortcut` 和 `bn3`（输入输出同形状时两者都是 `None`）。请按图写出前向计算：卷积 → BN → ReLU → 卷积 → BN → **加上直连边** → ReLU。直连边是 `X` 本身，或 `bn3(shortcut(X))`。`X` [B, D, M, N] 是张量，返回张量。""",
    example="例：若残差的一路在某个像素上得 −3，直连边是 5，输出是 ReLU(−3 + 5) = 2。",
    stub="""
    def my_residual_forward(X, unit):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先写残差的一路。最后一个 BN 之后，要不要马上做 ReLU？残差可以是负数吗？",
        "直连边有两种：什么时候就是 X，什么时候要先改变形状？",
        "先相加，再做最后一次 ReLU。",
    ),
    solution="""
    def my_residual_forward(X, unit):
        Y = F.relu(unit.bn1(unit.conv1(X)))
        Y = unit.bn2(unit.conv2(Y))  # 这里没有 ReLU：残差可正可负
        direct = X if unit.shortcut is None else unit.bn3(unit.shortcut(X))
        return F.relu(Y + direct)  # 先相加，后 ReLU
    """,
    slips="""
    F.relu(Y + direct) ⇒ F.relu(Y) ⇒ 没有加上直连边：残差单元的输出是 F(X) + X。
    F.relu(Y + direct) ⇒ F.relu(Y - direct) ⇒ 直连边被减去了：要**加**上去。
    F.relu(Y + direct) ⇒ F.relu(Y) + direct ⇒ 相加之前做了 ReLU：第二个 BN 之后先与直连边相加，再做 ReLU。
    F.relu(Y + direct) ⇒ F.relu(Y) + F.relu(direct) ⇒ 相加之前做了 ReLU：两路各自做了 ReLU；先相加，再做一次。
    F.relu(Y + direct) ⇒ F.relu(F.relu(Y) + direct) ⇒ 相加之前也做了 ReLU：残差应当可正可负，先相加再 ReLU。
    F.relu(Y + direct) ⇒ F.relu(Y + F.relu(direct)) ⇒ 直连边上做了 ReLU：直连边不经过激活函数。
    F.relu(Y + direct) ⇒ Y + direct ⇒ 少了最后的 ReLU：相加之后还要做一次 ReLU。
    F.relu(Y + direct) ⇒ Y ⇒ 没有加上直连边，也没有最后的 ReLU
    F.relu(unit.bn1(unit.conv1(X))) ⇒ unit.bn1(unit.conv1(X)) ⇒ 少了中间的 ReLU：第一个 BN 之后要做 ReLU，否则两个卷积之间没有非线性。
    F.relu(unit.bn1(unit.conv1(X))) ⇒ unit.bn1(F.relu(unit.conv1(X))) ⇒ ReLU 与 BN 的次序弄反了：卷积 → BN → ReLU。
    F.relu(unit.bn1(unit.conv1(X))) ⇒ F.relu(unit.conv1(X)) ⇒ 没有用 bn1：每个卷积之后都要经过对应的 BN。
    unit.bn2(unit.conv2(Y)) ⇒ unit.conv2(Y) ⇒ 没有用 bn2：每个卷积之后都要经过对应的 BN。
    unit.bn2(unit.conv2(Y)) ⇒ unit.bn1(unit.conv2(Y)) ⇒ BN 用了两次：第二个卷积之后要用 bn2，它有自己的 γ、β 和统计量。
    unit.bn2(unit.conv2(Y)) ⇒ unit.conv2(unit.bn2(Y)) ⇒ BN 的位置不对：每个卷积**之后**紧跟它自己的 BN。
    Y = unit.bn2(unit.conv2(Y)) ⇒ Y = unit.bn2(unit.bn1(unit.conv2(F.relu(unit.conv1(X))))) ⇒ BN 的位置不对：每个卷积**之后**紧跟它自己的 BN，不是把两个放在一起。
    unit.bn2(unit.conv2(Y)) ⇒ unit.conv2(F.relu(unit.conv1(X))) ⇒ 没有用批量归一化：每个卷积之后都要经过对应的 BN。
    unit.bn3(unit.shortcut(X)) ⇒ unit.shortcut(X) ⇒ 直连边上少了 BN：1×1 卷积之后也有批量归一化：bn3(shortcut(X))。
    unit.bn3(unit.shortcut(X)) ⇒ unit.shortcut(Y) ⇒ 直连边的输入不对：直连边从 X 出发，不经过前面的卷积。
    direct = X if unit.shortcut is None else unit.bn3(unit.shortcut(X)) ⇒ direct = X ⇒ 直连边上没有用 1×1 卷积：形状改变时（shortcut 不是 None），要加的是 bn3(shortcut(X))。
    direct = X if unit.shortcut is None else unit.bn3(unit.shortcut(X)) ⇒ direct = Y if unit.shortcut is None else unit.bn3(unit.shortcut(X)) ⇒ 加的是 Y 自己：X 被覆盖了？直连边是单元的输入 X。
    """,
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


UNIT_PARAMETERS = Exercise(
    id="5.4-5",
    title="残差单元与瓶颈单元的参数量",
    english="Parameters of residual and bottleneck units",
    prompt="""
    从 $D$ = `in_channels` 到 $P$ = `out_channels`，数一数**可训练**参数：
    1. 普通残差单元：3×3 卷积 $D\\to P$，3×3 卷积 $P\\to P$；
    2. 瓶颈单元（bottleneck）：1×1 卷积 $D\\to P/4$，3×3 卷积 $P/4\\to P/4$，1×1 卷积 $P/4\\to P$。

    卷积都没有偏置，每个卷积之后有 BN（每个通道 γ、β 两个参数）。步长不是 1 **或** $D\\ne P$ 时，直连边还有 1×1 卷积 $D\\to P$ 和它的 BN。依次返回两个整数。""",
    stub="""
    def my_unit_params(in_channels, out_channels, stride=1):
        plain = bottleneck = None
        # 在这里写你的代码
        ...
        return plain, bottleneck
    """,
    hints=(
        "先写一个小函数：一个 `inputs → outputs`、`kernel × kernel` 的卷积加它的 BN，一共几个参数？",
        "滑动均值和方差是训练出来的吗？",
        "直连边在什么条件下有参数？两种单元加同样的一份。",
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
    slips="""
    kernel**2 + 2 * outputs ⇒ kernel**2 ⇒ 没有数 BN 的参数：γ、β 也是可训练参数：每个通道 2 个。
    kernel**2 + 2 * outputs ⇒ kernel**2 + 2 ⇒ BN 的参数少算了：每个**通道**有 γ、β 两个参数。
    kernel**2 + 2 * outputs ⇒ kernel**2 + outputs ⇒ BN 的参数少算了：每个通道有 γ 和 β **两个**参数。
    kernel**2 + 2 * outputs ⇒ kernel**2 + 4 * outputs ⇒ 把统计量也数进去了：滑动均值和方差是缓冲区（buffer），不参加训练：每个通道只数 γ、β。
    kernel**2 + 2 * outputs ⇒ kernel**2 + 3 * outputs ⇒ 多数了偏置：卷积没有偏置（BN 的 β 代替了它）。
    kernel**2 + 2 * outputs ⇒ kernel + 2 * outputs ⇒ 核的元素少算了：3×3 的核有 9 个权重，不是 3 个。
    if stride != 1 or in_channels != out_channels: ⇒ if False: ⇒ 没有数直连边：形状改变时，直连边上的 1×1 卷积和它的 BN 也有参数。
    if stride != 1 or in_channels != out_channels: ⇒ if True: ⇒ 直连边总有参数：形状不变时，直连边是恒等映射，没有参数。
    if stride != 1 or in_channels != out_channels: ⇒ if stride != 1: ⇒ 直连边的条件不对：步长不是 1、通道数改变，**任何一个**成立都需要 1×1 卷积。
    if stride != 1 or in_channels != out_channels: ⇒ if in_channels != out_channels: ⇒ 直连边的条件不对：步长不是 1、通道数改变，**任何一个**成立都需要 1×1 卷积。
    if stride != 1 or in_channels != out_channels: ⇒ if stride != 1 and in_channels != out_channels: ⇒ 直连边的条件用了 and：步长不是 1、通道数改变，**任何一个**成立都需要 1×1 卷积：or。
    waist = out_channels // 4 ⇒ waist = in_channels // 4 ⇒ 瓶颈的宽度不对：腰宽是**输出**通道数的四分之一。
    return plain, bottleneck ⇒ return plain, bottleneck - (in_channels * out_channels + 2 * out_channels) * (stride != 1 or in_channels != out_channels) ⇒ 瓶颈单元没有数直连边：两种单元的直连边相同。
    return plain, bottleneck ⇒ return plain - 2 * out_channels * (stride != 1 or in_channels != out_channels), bottleneck - 2 * out_channels * (stride != 1 or in_channels != out_channels) ⇒ 没有数直连边的 BN：直连边的 1×1 卷积之后也有 BN。
    """,
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
    weights = {name: integers(shape, seed + k) / 2 for k, (name, shape) in enumerate(shapes.items())}
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


BOTTLENECK = Exercise(
    id="5.4-6",
    title="瓶颈残差单元",
    english="A bottleneck unit",
    level=3,
    prompt="""
    写出更深的残差网络（如 ResNet50）使用的瓶颈单元，类的名字和下列属性名请保留：`conv1`（1×1，$D\\to P/4$）→ BN → ReLU → `conv2`（3×3，填充 1，**步长在这里**）→ BN → ReLU → `conv3`（1×1，$P/4\\to P$）→ BN → 加直连边 → ReLU。步长不是 1 或 $D\\ne P$ 时，直连边是 `shortcut`（1×1，同样的步长）→ BN；否则是恒等映射。卷积都不要偏置（`bias_attr=False`），BN 用 `nn.BatchNorm2D`，每个卷积有自己的一个。""",
    example="例：`MyBottleneck(64, 256)` 有 4 个卷积、4 个 BN，共 75,008 个可训练参数；`MyBottleneck(256, 256)` 没有 shortcut。",
    stub="""
    class MyBottleneck(nn.Layer):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__()
            # 在这里写你的代码：定义各层
            ...

        def forward(self, X):
            # X [B, D, M, N] → [B, P, ⌈M/S⌉, ⌈N/S⌉]
            # 在这里写你的代码
            ...
    """,
    hints=(
        "先在 `__init__` 里定义各层：腰宽是多少？哪个卷积有步长，哪个要填充？",
        "`shortcut` 在什么条件下才需要？它的步长与主路相同。",
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
    slips="""
    F.relu(Y + direct) ⇒ F.relu(Y) ⇒ 没有加上直连边：残差单元的输出是 F(X) + X。
    F.relu(Y + direct) ⇒ F.relu(Y) + direct ⇒ 相加之前做了 ReLU：第三个 BN 之后先与直连边相加，再做 ReLU。
    F.relu(Y + direct) ⇒ F.relu(F.relu(Y) + direct) ⇒ 相加之前也做了 ReLU：残差应当可正可负。
    F.relu(Y + direct) ⇒ Y + direct ⇒ 少了最后的 ReLU：相加之后还要做一次 ReLU。
    F.relu(self.bn1(self.conv1(X))) ⇒ self.bn1(self.conv1(X)) ⇒ 少了 conv1 之后的 ReLU：前两个 BN 之后都要做 ReLU。
    F.relu(self.bn2(self.conv2(Y))) ⇒ self.bn2(self.conv2(Y)) ⇒ 少了 conv2 之后的 ReLU：前两个 BN 之后都要做 ReLU。
    self.bn2(self.conv2(Y)) ⇒ self.bn1(self.conv2(Y)) ⇒ 两个卷积共用了一个 BN：每个卷积有自己的 BN（自己的 γ、β 和统计量）。
    self.bn4(self.shortcut(X)) ⇒ self.bn3(self.shortcut(X)) ⇒ 直连边与主路共用了一个 BN：每个卷积有自己的 BN。
    self.bn4(self.shortcut(X)) ⇒ self.shortcut(X) ⇒ 直连边上少了 BN：1×1 卷积之后也有批量归一化。
    , bias_attr=False ⇒ ⇒ 卷积有偏置：BN 会减去均值，偏置不起作用（β 代替了它）：写 bias_attr=False。
    nn.Conv2D(in_channels, waist, 1, bias_attr=False) ⇒ nn.Conv2D(in_channels, waist, 1, stride, bias_attr=False) ⇒ 步长用了两次：只有 3×3 卷积（和直连边上的 1×1 卷积）有步长。
    """,
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


PREACTIVATION = Exercise(
    id="5.4-8",
    title="预激活的残差单元",
    english="A pre-activation unit",
    level=2,
    prompt="""
    预激活（pre-activation）把 BN 和 ReLU 放到卷积**前面**：BN → ReLU → `conv1` → BN → ReLU → `conv2` → 加直连边，**之后没有 ReLU**。于是直连边一路畅通：最后一层的梯度原样传到第一层。`unit` 有 `bn1`、`conv1`、`bn2`、`conv2`，形状改变时有 `shortcut`（1×1 卷积，没有 BN；它的输入是第一次 BN、ReLU **之后**的结果），否则是 `None`，直连边就是 `X` 本身。返回张量。""",
    example="例：若两个卷积的核都是 0，形状不变的单元输出正好是 `X`，负数也保留（5.4-4 的单元则得 ReLU(X)）。",
    stub="""
    def my_preactivation_forward(X, unit):
        # 在这里写你的代码
        ...
    """,
    hints=(
        "先不管直连边：按次序写出 BN、ReLU、卷积，各两遍。",
        "直连边在形状不变时要加的是什么：进入单元的 X，还是 BN、ReLU 之后的？",
        "形状改变时 `shortcut` 吃的是第一次 BN、ReLU 之后的结果；相加之后什么也不做。",
    ),
    solution="""
    def my_preactivation_forward(X, unit):
        A = F.relu(unit.bn1(X))  # 先归一化、激活，再卷积
        Y = unit.conv1(A)
        Y = unit.conv2(F.relu(unit.bn2(Y)))
        direct = X if unit.shortcut is None else unit.shortcut(A)
        return Y + direct  # 之后没有 ReLU：直连边一路畅通
    """,
    slips="""
    return Y + direct ⇒ return F.relu(Y + direct) ⇒ 相加之后多做了 ReLU：预激活的单元在相加之后什么也不做，直连边才一路畅通。
    return Y + direct ⇒ return Y ⇒ 没有加上直连边
    return Y + direct ⇒ return F.relu(Y) + direct ⇒ 相加之前多做了 ReLU：最后一个卷积之后直接相加。
    unit.shortcut(A) ⇒ unit.shortcut(X) ⇒ shortcut 的输入不对：它吃的是第一次 BN、ReLU 之后的结果。
    direct = X if ⇒ direct = A if ⇒ 直连边不是 X 本身：形状不变时，加的是进入单元的 X，没有经过 BN 和 ReLU。
    A = F.relu(unit.bn1(X)) ⇒ A = unit.bn1(X) ⇒ 少了第一个 ReLU
    A = F.relu(unit.bn1(X)) ⇒ A = unit.bn1(F.relu(X)) ⇒ ReLU 与 BN 的次序弄反了：BN → ReLU → 卷积。
    A = F.relu(unit.bn1(X)) ⇒ A = F.relu(X) ⇒ 没有用 bn1
    unit.conv2(F.relu(unit.bn2(Y))) ⇒ unit.conv2(unit.bn2(Y)) ⇒ 少了第二个 ReLU
    unit.conv2(F.relu(unit.bn2(Y))) ⇒ unit.conv2(F.relu(Y)) ⇒ 没有用 bn2
    unit.conv2(F.relu(unit.bn2(Y))) ⇒ F.relu(unit.bn2(unit.conv2(Y))) ⇒ BN 和 ReLU 在卷积之后：那是原来的残差单元；预激活在卷积之前。
    """,
    reference=_preactivation,
    cases=_unit_cases(701, before=True),
)

EXERCISES = (RESIDUAL_UNIT, UNIT_PARAMETERS, BOTTLENECK, PREACTIVATION)
