"""The operators that a model runs, and which input rows an output row sees through them.

Paddle traces the model; every operator of the trace has a rule that says which rows of its input
the rows a…b of its output are made of. Applied from an output back to the input, joined where
branches meet, the rules give the receptive field of any network whose operators they know. Channels
are not told apart: what one channel of a value sees, all of them count as seeing.
"""

import math
from fractions import Fraction

from .._paddle import given
from .trace import Trace, Untraceable
from .trace import operator_name as _name


class Graph:
    """The traced operators of a model, and the rows that each of them sees.

    Parameters
    ----------
    model : paddle.nn.Layer
    inputs : list of Tensor
        The first is the one whose rows are followed: its second axis from the end, or the last
        of three (one-dimensional layers).

    Attributes
    ----------
    trace : Trace
    windows : dict of value to (operator's number, kind, kernel, stride, padding, dilation)
        The convolutions and poolings.

    Raises
    ------
    Untraceable
        The model cannot be traced, or an operator behind the value asked for has no rule.
    """

    def __init__(self, model, inputs):
        self.trace, self.windows, self.pads = Trace(model, inputs), {}, {}
        self.uneven = False  # whether what an output sees differs between neighbours
        self._axes, self._rows, self._sources, self._lists = {}, {}, {}, {}
        operators = self.trace.operators
        data = next(op for op in operators if op.name() == "pd_op.data").results()[0]
        formats = [
            str(op.attrs().get("data_format", "")) for op in operators if "conv" in op.name()
        ]
        self.input = data.id
        self._axes[data.id] = 1 if any(f.endswith("C") for f in formats) else 2
        for number, op in enumerate(operators):
            self._follow(number, op)

    def _follow(self, number, op):
        """Give the results of an operator their axis of rows and their sources."""
        name, results = _name(op), [result for result in op.results() if given(result)]
        operands = [operand for operand in op.operands_source() if given(operand)]
        if name == "builtin.combine":
            self._lists[results[0].id] = operands
            return
        if name == "builtin.split":
            for result, part in zip(results, self._lists.get(operands[0].id, ()), strict=False):
                self._note(result, *part)
            return
        known = [v for o in operands for v in self._lists.get(o.id, [o]) if v.id in self._axes]
        if not known or not results or name in _SHAPES:
            return
        try:
            for axis in (self._axes[v.id] for v in known):
                if isinstance(axis, Untraceable):
                    raise axis
            if name not in _RULES:
                raise Untraceable(f"no rule tells what the operator {name} sees")
            axis, sources = _RULES[name](self, op, known)
        except Untraceable as reason:
            axis, sources = reason, []
        if name.startswith("split") and sources:
            self._lists[results[0].id] = sources
            return
        for result in results:  # statistics of a batch norm beside its maps have no rows
            if result.is_dense_tensor_type() and len(result.shape) == len(results[0].shape):
                self._note(result, axis, sources)
        if results[0].id in self.windows:
            self.windows[results[0].id] = (number, name, *self.windows[results[0].id])

    def _note(self, value, axis, sources):
        self._axes[value.id], self._sources[value.id] = axis, sources
        self._rows[value.id] = value.shape[axis] if isinstance(axis, int) else 1

    def axis(self, value):
        """The axis of a value that holds the rows, None where each number sees all of them."""
        return self._axes[value.id]

    def seen(self, value, first, last):
        """The input rows, from and to, that the rows first…last of a value see; border included."""
        axis = self._axes.get(value)
        if axis is None and value not in self._axes:
            raise Untraceable("no operator leads from the input to the output")
        if isinstance(axis, Untraceable):
            raise axis
        needed = {value: (first, last)}
        for made in reversed(self._sources):
            if made not in needed:
                continue
            for source, rule in self._sources[made]:
                rows = rule(*needed[made])
                if rows is not None:
                    low, high = needed.get(source, rows)
                    needed[source] = min(low, rows[0]), max(high, rows[1])
        return needed.get(self.input, (0, -1))

    def reach(self, value):
        """(field, jump, start) of a value's rows; the largest of uneven fields."""
        middle, steps = self._rows[value] // 2, 24 if self.uneven else 1
        spans = [self.seen(value, k, k) for k in range(middle, middle + steps + 1)]
        field = max(last - first + 1 for first, last in spans[:steps])
        jump = Fraction(spans[-1][0] - spans[0][0], steps)
        start = self.seen(value, 0, 0)[0]
        return field, int(jump) if jump.denominator == 1 else jump, start

    def path(self, value):
        """The windows on the way to a value along the branch that sees most, input first.

        Returns
        -------
        list of (value, name, kernel, stride, padding, dilation)
            The name of the layer, or for a function called in a forward method, its own. Rows
            added before a window by layers or functions of their own are in its padding.
        """
        found = []
        self.seen(value, 0, 0)  # refuses a value that an unknown operator is behind
        while value != self.input:
            sources = list(dict.fromkeys(source for source, _ in self._sources[value]))
            if value in self.windows:
                number, kind, *sizes = self.windows[value]
                found.append([value, self.trace.layer_of(number, kind), *sizes])
            elif value in self.pads and found:
                found[-1][4] += self.pads[value]
            if not sources:
                break
            value = max(sources, key=self._width) if len(sources) > 1 else sources[0]
        return [tuple(window) for window in reversed(found)]

    def _width(self, value):
        first, last = self.seen(value, 0, 0)
        return last - first, -list(self._sources).index(value) if value in self._sources else 0


def _operand(op, place, key):
    """Numbers that an operator takes as its operand of that place, or as an attribute."""
    if key in op.attrs():
        found = op.attrs()[key]
    else:
        made = op.operands_source()[place].get_defining_op()
        attributes = {} if made is None else made.attrs()
        if "value" not in attributes:
            raise Untraceable(f"the {key} of the operator {_name(op)} are not fixed in the trace")
        found = attributes["value"]
    return [int(n) for n in found] if isinstance(found, (list, tuple)) else [int(found)]


# ------------------------------------------------------------------------ a rule for each operator
# A rule takes (graph, operator, the operands that see the input) and returns the axis of the
# rows in the result, and for each operand a function: rows a…b of the result → rows of the operand.


def _same(a, b):
    return a, b


def _all(value, axis):
    """Every row of a value, whichever row of the result is asked for."""
    last = 0 if axis is None else value.shape[axis] - 1
    return lambda a, b: (0, last)


def _pointwise(graph, op, known):
    """Number by number; operands are broadcast."""
    rank = len(op.results()[0].shape)
    axes = {graph.axis(v) + rank - len(v.shape) for v in known if graph.axis(v) is not None}
    if len(axes) > 1:
        raise Untraceable(f"the operator {_name(op)} joins rows with another axis")
    out = axes.pop() if axes else None
    whole = out is None or op.results()[0].shape[out] == 1
    return out, [
        (v.id, _same)
        if graph.axis(v) is not None and (whole or v.shape[graph.axis(v)] > 1)
        else (v.id, _all(v, graph.axis(v)))
        for v in known
    ]


def _spatial(graph, op, value):
    """Which of the windows' axes the rows are: 0 for the first after batch and channels."""
    axis = graph.axis(value)
    first = 1 if str(op.attrs().get("data_format", "NCHW")).endswith("C") else 2
    if axis is None or not 0 <= axis - first < len(value.shape) - 2:
        raise Untraceable(
            f"the operator {_name(op)} slides along another axis than the input's rows"
        )
    return axis - first


def _geometry(op, spatial, rows, kernel):
    """(stride, padding before the first row, dilation) of a window operator."""
    attributes = op.attrs()
    stride = attributes["strides"][spatial]
    dilation = attributes.get("dilations", [1] * 3)[spatial]
    paddings, algorithm = attributes["paddings"], attributes["padding_algorithm"]
    if algorithm == "SAME":  # Paddle then takes the kernel without dilation
        dilation = 1
        return stride, max((-(-rows // stride) - 1) * stride + kernel - rows, 0) // 2, dilation
    both = len(paddings) > len(attributes["strides"])  # before and after, axis by axis
    padding = 0 if algorithm == "VALID" else paddings[2 * spatial if both else spatial]
    return stride, padding, dilation


def _window(graph, op, value, kernel, stride, padding, dilation):
    graph.windows[op.results()[0].id] = kernel, stride, padding, dilation
    reach = dilation * (kernel - 1)
    return graph.axis(value), [
        (value.id, lambda a, b: (a * stride - padding, b * stride - padding + reach))
    ]


def _conv(graph, op, known):
    X, spatial = known[0], _spatial(graph, op, known[0])
    kernel = op.operands_source()[1].shape[2 + spatial]
    return _window(graph, op, X, kernel, *_geometry(op, spatial, X.shape[graph.axis(X)], kernel))


def _conv_transpose(graph, op, known):
    X, spatial = known[0], _spatial(graph, op, known[0])
    kernel = op.operands_source()[1].shape[2 + spatial]
    stride, padding, dilation = _geometry(op, spatial, X.shape[graph.axis(X)], kernel)
    reach = dilation * (kernel - 1)
    graph.uneven |= stride > 1
    taps = reach // stride + 1  # how many inputs one output sees at most
    start = (reach - padding) // stride  # rows before the first
    graph.windows[op.results()[0].id] = taps, Fraction(1, stride), start, 1

    def rule(a, b):
        inputs = range(-((reach - a - padding) // stride), (b + padding) // stride + 1)
        reached = [  # an output between the taps sees nothing
            i
            for i in (*inputs[:stride], *inputs[-stride:])
            if any(a <= i * stride - padding + u * dilation <= b for u in range(kernel))
        ]
        return (min(reached), max(reached)) if reached else None

    return graph.axis(X), [(X.id, rule)]


def _pool(graph, op, known):
    X, spatial = known[0], _spatial(graph, op, known[0])
    rows = X.shape[graph.axis(X)]
    if op.attrs().get("adaptive") or op.attrs().get("global_pooling"):
        outputs = op.results()[0].shape[graph.axis(X)]
        graph.uneven |= outputs > 1 and rows % outputs != 0
        graph.windows[op.results()[0].id] = -(-rows // outputs), max(rows // outputs, 1), 0, 1
        return graph.axis(X), [
            (X.id, lambda a, b: (a * rows // outputs, -(-(b + 1) * rows // outputs) - 1))
        ]
    kernel = _operand(op, 1, "kernel_size")[spatial]
    return _window(graph, op, X, kernel, *_geometry(op, spatial, rows, kernel))


def _pad(graph, op, known):
    X, axis = known[0], graph.axis(known[0])
    paddings = _operand(op, 1, "paddings")
    if _name(op) == "pad":
        before = paddings[2 * axis]
    else:  # pairs from the last spatial axis to the first
        before = paddings[::2][::-1][_spatial(graph, op, X)]
    graph.pads[op.results()[0].id] = before
    return axis, [(X.id, lambda a, b: (a - before, b - before))]


def _resize(graph, op, known):
    X, axis, attributes = known[0], graph.axis(known[0]), op.attrs()
    spatial, outputs = _spatial(graph, op, X), op.results()[0].shape[axis]
    scale, corners = attributes.get("scale"), attributes["align_corners"]
    nearest = _name(op) == "nearest_interp"
    if corners:  # the outermost pixels lie on each other
        step, shift = Fraction(X.shape[axis] - 1, max(outputs - 1, 1)), Fraction(nearest, 2)
    else:
        step = 1 / Fraction(scale[spatial]) if scale else Fraction(X.shape[axis], outputs)
        shift = 0 if nearest or attributes["align_mode"] == 1 else (step - 1) / 2
    graph.uneven = True
    last = math.floor if nearest else math.ceil
    return axis, [(X.id, lambda a, b: (math.floor(a * step + shift), last(b * step + shift)))]


def _concat(graph, op, known):
    parts = graph._lists[op.operands_source()[0].id]
    joined = _operand(op, 1, "axis")[0] % len(op.results()[0].shape)
    axes = {graph.axis(v) for v in known}
    if len(axes) > 1:
        raise Untraceable("the operator concat joins rows with another axis")
    axis = axes.pop()
    if axis != joined:
        return axis, [(v.id, _same) for v in known]
    sources, before = [], 0
    for part in parts:
        size = part.shape[axis]
        if part in known:
            sources.append((part.id, _clipped(before, size)))
        before += size
    return axis, sources


def _clipped(before, size):
    """Rows of one part of several that stand one after the other."""

    def rule(a, b):
        a, b = max(a - before, 0), min(b - before, size - 1)
        return (a, b) if a <= b else None

    return rule


def _split(graph, op, known):
    """Sources for each part; the caller hands them to the parts."""
    X, axis = known[0], graph.axis(known[0])
    cut = _operand(op, len(op.operands_source()) - 1, "axis")[0] % len(X.shape)
    count = op.attrs().get("num") or len(_operand(op, 1, "sections"))
    if cut != axis:
        return axis, [(axis, [(X.id, _same)])] * count
    raise Untraceable("the operator split cuts the rows apart")


def _slice(graph, op, known):
    X, axis = known[0], graph.axis(known[0])
    axes = [k % len(X.shape) for k in _operand(op, -1, "axes")]
    dropped = [k % len(X.shape) for k in op.attrs().get("decrease_axis", [])]
    start, step = 0, 1
    if axis in axes:
        place = axes.index(axis)
        start = _operand(op, 1, "starts")[place]
        step = _operand(op, 3, "strides")[place] if _name(op) == "strided_slice" else 1
        start = min(max(start + X.shape[axis] if start < 0 else start, 0), X.shape[axis] - 1)
        graph.pads[op.results()[0].id] = -start if step == 1 else 0
    if axis is None or axis in dropped:
        return None, [(X.id, lambda a, b: (start, start))]
    ends = sorted if step < 0 else tuple
    return axis - sum(k < axis for k in dropped), [
        (X.id, lambda a, b: tuple(ends((start + a * step, start + b * step))))
    ]


def _transpose(graph, op, known):
    axis = graph.axis(known[0])
    return None if axis is None else list(op.attrs()["perm"]).index(axis), [(known[0].id, _same)]


def _reshape(graph, op, known):
    """The rows stay rows where an axis of the result has as many, with as much before it."""
    X, axis = known[0], graph.axis(known[0])
    before, after = list(X.shape), list(op.results()[0].shape)
    if axis is not None:
        for place, size in enumerate(after):
            if size == before[axis] and math.prod(after[:place]) == math.prod(before[:axis]):
                return place, [(X.id, _same)]
    return None, [(X.id, _all(X, axis))]


def _reduce(graph, op, known):
    X, axis = known[0], graph.axis(known[0])
    rank, keep = len(X.shape), op.attrs().get("keepdim", op.attrs().get("keep_dim", False))
    axes = {k % rank for k in _operand(op, 1, "axis")} or set(range(rank))
    if axis is None or axis in axes:
        return axis if keep else None, [(X.id, _all(X, axis))]
    return axis - (0 if keep else sum(k < axis for k in axes)), [(X.id, _same)]


def _matmul(graph, op, known):
    rank, out, sources = len(op.results()[0].shape), set(), []
    for place, (operand, flag) in enumerate(
        zip(op.operands_source(), ("transpose_x", "transpose_y"), strict=True)
    ):
        if not any(operand is v or operand.id == v.id for v in known):
            continue
        axis = graph.axis(operand)
        summed = len(operand.shape) - (1 if (place == 0) != op.attrs()[flag] else 2)
        if axis is None or axis == summed:
            sources.append((operand.id, _all(operand, axis)))
            continue
        batch = axis < len(operand.shape) - 2
        out.add(axis + rank - len(operand.shape) if batch else rank - (2 if place == 0 else 1))
        sources.append((operand.id, _same))
    if len(out) > 1:
        raise Untraceable("the operator matmul joins rows with another axis")
    return (out.pop() if out else None), sources


def _normalised(graph, op, known):
    """Softmax along an axis, or statistics over each image: every row of them counts."""
    X, axis, attributes = known[0], graph.axis(known[0]), op.attrs()
    if "begin_norm_axis" in attributes:
        whole = axis is not None and axis >= attributes["begin_norm_axis"]
    elif "axis" in attributes:
        whole = axis == attributes["axis"] % len(X.shape)
    else:
        whole = axis != 0
    return axis, [(X.id, _all(X, axis) if whole or axis is None else _same)]


def _shuffle(graph, op, known):
    X, axis = known[0], graph.axis(known[0])
    if _name(op) == "pixel_shuffle":
        factor = op.attrs()["upscale_factor"]
        graph.uneven = True
        return axis, [(X.id, lambda a, b: (a // factor, b // factor))]
    factor = op.attrs()["downscale_factor"]
    return axis, [(X.id, lambda a, b: (a * factor, b * factor + factor - 1))]


#: operators of a shape alone: they see no number of the input
_SHAPES = {"shape", "shape64", "full_like", "numel"}

_RULES = {
    **dict.fromkeys(
        [
            "add",
            "subtract",
            "multiply",
            "divide",
            "maximum",
            "minimum",
            "elementwise_pow",
            "pow",
            "scale",
            "cast",
            "assign",
            "clip",
            "relu",
            "relu6",
            "leaky_relu",
            "prelu",
            "elu",
            "selu",
            "celu",
            "gelu",
            "silu",
            "swish",
            "mish",
            "hardswish",
            "hardsigmoid",
            "hardtanh",
            "hardshrink",
            "softshrink",
            "softplus",
            "softsign",
            "sigmoid",
            "logsigmoid",
            "tanh",
            "tanh_shrink",
            "exp",
            "expm1",
            "log",
            "log1p",
            "abs",
            "sqrt",
            "rsqrt",
            "square",
            "reciprocal",
            "sin",
            "cos",
            "floor",
            "ceil",
            "round",
            "sign",
            "dropout",
            "batch_norm",
            "where",
            "expand",
            "expand_as",
            "share_data",
            "set_value",
        ],
        _pointwise,
    ),
    **dict.fromkeys(("conv2d", "depthwise_conv2d", "conv3d"), _conv),
    **dict.fromkeys(
        ("conv2d_transpose", "depthwise_conv2d_transpose", "conv3d_transpose"), _conv_transpose
    ),
    **dict.fromkeys(
        ("pool2d", "pool3d", "max_pool2d_with_index", "max_pool3d_with_index", "lp_pool2d"), _pool
    ),
    **dict.fromkeys(("pad3d", "pad"), _pad),
    **dict.fromkeys(("nearest_interp", "bilinear_interp", "linear_interp"), _resize),
    "concat": _concat,
    **dict.fromkeys(("split", "split_with_num"), _split),
    **dict.fromkeys(("slice", "strided_slice"), _slice),
    "transpose": _transpose,
    **dict.fromkeys(("reshape", "flatten", "squeeze", "unsqueeze"), _reshape),
    **dict.fromkeys(("mean", "sum", "max", "min", "amax", "amin"), _reduce),
    "matmul": _matmul,
    **dict.fromkeys(("softmax", "layer_norm", "group_norm", "instance_norm"), _normalised),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), _shuffle),
}
