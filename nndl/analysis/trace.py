"""The operators that a model runs, recorded by Paddle, and which layer ran them."""

import math
import warnings
from dataclasses import dataclass

import paddle

from .._paddle import forget, given, graph_of_operators
from ..probe import first_tensor, untouched


class Untraceable(ValueError):
    """The model has no graph, or one in which something cannot be told."""


class _Recorded(Exception):
    """Ends the recording: nothing is to be run."""


@dataclass
class Call:
    """One run of a layer: the operators first…end − 1, and the first tensor that came out."""

    name: str
    first: int
    end: int
    output: object


class Trace:
    """Operators in the order in which they ran, and the calls of layers.

    Parameters
    ----------
    model : paddle.nn.Layer
        Comes back as it was.
    inputs : list of Tensor
        At most four.

    Raises
    ------
    Untraceable
        Paddle cannot record the model: its forward method leaves Paddle's operators (NumPy, a
        number read from a tensor).
    """

    def __init__(self, model, inputs):
        running, self.calls = [], []

        @paddle.jit.not_to_static  # recorded as it runs, without rewriting its source
        def record(a, b=None, c=None, d=None):  # whatever the model calls its inputs
            self._program = paddle.static.default_main_program()  # keeps its values
            try:
                model(*[X for X in (a, b, c, d) if X is not None])
            finally:
                forget(self._program)
            raise _Recorded

        def count():
            return len(_operators(paddle.static.default_main_program()))

        def enter(name):
            running.append((name, count()))

        def leave(output):
            self.calls.append(Call(*running.pop(), count(), first_tensor(output)))

        with untouched(model):
            for name, layer in model.named_sublayers(include_self=True):
                layer.register_forward_pre_hook(lambda _, x, name=name: enter(name))
                layer.register_forward_post_hook(lambda _, x, y: leave(y))
            try:
                with warnings.catch_warnings(), graph_of_operators():
                    warnings.simplefilter("ignore")  # that in a graph nothing works in place
                    paddle.jit.to_static(record, full_graph=True).get_concrete_program(*inputs)
            except _Recorded:
                pass
            except Exception as error:
                reason = (str(error).strip().splitlines() or [""])[-1].strip()[:200]
                raise Untraceable(
                    f"{type(model).__name__} cannot be traced ({type(error).__name__}: {reason})"
                ) from error
        self.operators = _operators(self._program)

    def layer_of(self, number, kind):
        """The innermost layer that ran an operator; with its kind where the layer has children."""
        inside = [c for c in self.calls if c.first <= number < c.end]
        if not inside:
            return kind
        name = min(inside, key=lambda c: c.end - c.first).name
        children = any(c.name.startswith(f"{name}.") for c in self.calls)
        return f"{name}.{kind}".lstrip(".") if children or not name else name


def _operators(program):
    """Without the parameters, which the trace puts before everything else."""
    return [op for op in program.global_block().ops if op.name() != "builtin.parameter"]


def operator_name(op):
    """'conv2d' of pd_op.conv2d, 'relu' of the one that works in place too."""
    return op.name().removeprefix("pd_op.").rstrip("_")


def products(trace, counted=()):
    """Multiply-adds of products in functions, outside of the layers that are counted.

    Parameters
    ----------
    trace : Trace
    counted : iterable of str
        Names of the layers whose work a rule counts.

    Returns
    -------
    dict of str to int
        Layer and operator → multiply-adds.
    """
    inside, found = set(counted), {}
    spans = [(c.first, c.end) for c in trace.calls if c.name in inside]
    for number, op in enumerate(trace.operators):
        kind = operator_name(op)
        if kind not in ("matmul", "bmm") and not kind.startswith(("conv", "depthwise_conv")):
            continue
        if any(first <= number < end for first, end in spans):
            continue
        X, W, Y = (list(v.shape) for v in [*op.operands_source()[:2], op.results()[0]])
        if "transpose" in kind:  # a kernel for every input
            size = math.prod(X) * math.prod(W[1:])
        elif "conv" in kind:
            size = math.prod(Y) * math.prod(W[1:])
        else:
            size = math.prod(Y) * X[-2 if op.attrs().get("transpose_x") and len(X) > 1 else -1]
        name = trace.layer_of(number, kind)
        found[name] = found.get(name, 0) + size
    return found


def residual_units(trace):
    """The layers with children in whose own forward method two branches are added.

    Returns
    -------
    dict of str to (list of str, list of str)
        Name → the layers of the longer branch and of the shorter one, none for the identity, both
        in the order in which they run.
    """
    made = {result.id: k for k, op in enumerate(trace.operators) for result in op.results()}
    found = {}
    for call in trace.calls:
        inner = [c for c in trace.calls if c.name.startswith(f"{call.name}.")]
        inner = [c for c in inner if call.first <= c.first and c.end <= call.end]
        own = set(range(call.first, call.end)).difference(*(range(c.first, c.end) for c in inner))
        sums = [k for k in own if _adds_maps(trace.operators[k])]
        if not call.name or not inner or len(sums) != 1:
            continue
        leaves = [c for c in inner if not any(o.name.startswith(f"{c.name}.") for o in inner)]
        a, b = (
            _behind(trace, made, operand, call.first)
            for operand in trace.operators[sums[0]].operands_source()
        )
        branches = [
            [c.name for c in leaves if any(k in branch for k in range(c.first, c.end))]
            for branch in (a - b, b - a)
        ]
        longer, shorter = sorted(branches, key=len, reverse=True)
        if longer:
            found[call.name] = longer, shorter
    return found


def _adds_maps(op):
    """Whether an operator adds two feature maps, rather than a bias."""
    if operator_name(op) != "add":
        return False
    X, Y = op.operands_source()
    return len(X.shape) > 2 and list(X.shape) == list(Y.shape)


def _behind(trace, made, value, first):
    """Numbers of the operators from `first` on that a value is made by."""
    found, waiting = set(), [value]
    while waiting:
        number = made.get(waiting.pop().id)
        if number is not None and number >= first and number not in found:
            found.add(number)
            operands = trace.operators[number].operands_source()
            waiting += [v for v in operands if given(v)]
    return found
