"""Generated calls of the operators, and what they should give by `paddle.nn` or by counting."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nndl  # noqa: F401  first: it prepares the runtime that Paddle starts with

# isort: split
import paddle
import paddle.nn.functional as F

from nndl import Conv2D, Pool2D, conv2d, conv2d_backward, conv2d_loops, pool2d, pool2d_loops
from nndl.layers.convolution import im2col
from nndl.layers.window import output_size


@dataclasses.dataclass
class Call:
    """One generated call: `expected` gives what is right; None means that it must be refused."""

    text: str
    run: Callable
    expected: Callable | None
    tolerance: float = 1e-10  # of float64 results, relative to the largest number


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def numbers(rng, *shape, dtype="float32"):
    return rng.normal(size=shape).astype(dtype)


def one_or_pair(rng, low, high):
    """An int for both axes or a pair, and the pair it means."""
    both = tuple(int(n) for n in rng.integers(low, high + 1, 2))
    form = rng.integers(3)
    return (both[0], (both[0],) * 2) if not form else (list(both) if form == 1 else both, both)


def on_paddle(values, rng):
    """A Tensor with a gradient to come; now and then one whose axes lie turned in memory."""
    if rng.integers(3):
        return paddle.to_tensor(values, stop_gradient=False)
    turned = paddle.to_tensor(np.moveaxis(values, 1, -1).copy(), stop_gradient=False)
    return turned.transpose([0, 3, 1, 2])


def with_gradients(function, tensors, seed):
    """Y and the gradients of a random weighting of it."""
    Y = function(*tensors)
    dY = np.random.default_rng(seed).normal(size=Y.shape).astype(str(Y.dtype).split(".")[1])
    return [Y, *paddle.grad([Y], [t for t in tensors if t is not None], [paddle.to_tensor(dY)])]


BAD_PADDING = (-1, 1.5, "2", (1, 2, 3), None, True, (1, -2), np.float32(1))
BAD_SIZE = (0, (0, 1), *BAD_PADDING)


def convolution(rng):
    """conv2d, its loops, its gradients and its layer against `paddle.nn`."""
    dtype = pick(rng, "float32", "float64")
    groups = int(pick(rng, 1, 1, 1, 2, 3))
    D, P = (int(groups * rng.integers(1, 4)) for _ in "DP")
    U, V = (int(n) for n in rng.integers(1, 5, 2))
    X = numbers(rng, int(rng.integers(1, 4)), D, *rng.integers(1, 9, 2), dtype=dtype)
    W, b = numbers(rng, P, D // groups, U, V, dtype=dtype), pick(rng, None, numbers(rng, P))
    b = None if b is None else b.astype(dtype)
    arguments = {}
    meant = {}
    for name, low, high in (("stride", 1, 3), ("padding", 0, 3), ("dilation", 1, 2)):
        arguments[name], meant[name] = one_or_pair(rng, low, high)
    arguments["groups"] = groups
    sizes = [
        X.shape[2 + k] + 2 * meant["padding"][k] - meant["dilation"][k] * ((U, V)[k] - 1) - 1
        for k in (0, 1)
    ]
    form = pick(rng, "conv2d", "conv2d", "loops", "layer", "backward", "im2col")
    fault = None
    if rng.integers(3) == 0:
        fault = pick(rng, "dtype", "rank", "channels", "empty", "size", "bias", "kind", "groups")
    text = f"{form} X{list(X.shape)} {dtype} W{list(W.shape)} {arguments}"
    valid = min(sizes) >= 0
    if fault:
        X, W, b, done = _spoil(fault, X, W, b, arguments, rng, form)
        text += f", wrong: {done}"
        valid = False
    if form == "layer" and fault in (None, "dtype", "rank", "channels", "empty", "size"):
        return _layer(text, X, W, b, arguments, dtype, valid, rng)
    if form == "im2col":
        if fault not in (None, "rank", "dtype", "empty", "size"):
            form = "conv2d"
        else:
            rest = {k: v for k, v in arguments.items() if k != "groups"}

            def columns():
                return F.unfold(paddle.to_tensor(X), [U, V], meant["stride"], [
                    meant["padding"][0], meant["padding"][1]] * 2, meant["dilation"])  # fmt: skip

            return Call(text, lambda: im2col(X, (U, V), **rest), columns if valid else None)
    seed = int(rng.integers(1 << 30))
    if form == "backward" and valid:
        with paddle.no_grad():
            shape = F.conv2d(*map(paddle.to_tensor, (X, W)), None, **meant, groups=groups).shape
        dY = numbers(rng, *shape, dtype=dtype)
        if rng.integers(4) == 0:
            dY = dY[:, :, :, None] if rng.integers(2) else np.concatenate([dY, dY], axis=2)
            valid = False

        def truth():
            tensors = [paddle.to_tensor(t, stop_gradient=False) for t in (X, W)]
            bias = paddle.zeros([P], dtype)
            bias.stop_gradient = False
            Y = F.conv2d(*tensors, bias, **meant, groups=groups)
            return paddle.grad([Y], [*tensors, bias], [paddle.to_tensor(dY)])

        return Call(
            text + f" dY{list(dY.shape)}",
            lambda: conv2d_backward(dY, X, W, **arguments),
            truth if valid else None,
        )
    if form == "loops" and valid:
        X, W = X[:1, :, :5, :5], W
        reach = [meant["dilation"][k] * ((U, V)[k] - 1) + 1 for k in (0, 1)]
        valid = all(X.shape[2 + k] + 2 * meant["padding"][k] >= reach[k] for k in (0, 1))
    function = conv2d_loops if form == "loops" else conv2d

    def tensors(turn):
        return [
            t if not isinstance(t, np.ndarray)
            else on_paddle(t, np.random.default_rng(seed)) if turn and t.ndim == 4
            else paddle.to_tensor(t, stop_gradient=False)
            for t in (X, W, b)
        ]  # fmt: skip

    def run():
        return with_gradients(lambda *t: function(*t, **arguments), tensors(True), seed)

    def expected():
        return with_gradients(lambda *t: F.conv2d(*t, **meant, groups=groups), tensors(False), seed)

    return Call(text, run, expected if valid else None)


def _spoil(fault, X, W, b, arguments, rng, form):
    """Make one argument of a convolution wrong."""
    if fault == "dtype":
        X = X.astype(pick(rng, "int64", "uint8", "float16", "bool", "complex64"))
    elif fault == "rank":
        X = pick(rng, X[0], X[None], X[0, 0, 0], X.reshape(-1))
    elif fault == "channels":
        X = np.concatenate([X, X[:, :1]], axis=1)
    elif fault == "empty":
        X = pick(rng, X[:0], X[:, :0], X[:, :, :0], X[:, :, :, :0])
    elif fault == "size":
        name = pick(rng, "stride", "padding", "dilation")
        arguments[name] = pick(rng, *(BAD_PADDING if name == "padding" else BAD_SIZE))
        return X, W, b, f"{name}={arguments[name]!r}"
    elif fault == "bias" and form in ("conv2d", "loops"):
        b = pick(rng, np.zeros((len(W), 1), X.dtype), np.zeros(len(W) + 1, X.dtype))
    elif fault == "kind":
        X = pick(rng, X.tolist(), None, "image", 3)
    else:
        arguments["groups"] = pick(rng, 0, -1, 7, "1", 1.0, None)
        return X, W, b, f"groups={arguments['groups']!r}"
    return X, W, b, fault


def _layer(text, X, W, b, arguments, dtype, valid, rng):
    paddle_arguments = dict(arguments)
    P, D = W.shape[0], W.shape[1] * arguments["groups"]
    state = {"weight": paddle.to_tensor(W)} | ({} if b is None else {"bias": paddle.to_tensor(b)})

    def output(Layer, options):
        layer = Layer(D, P, W.shape[2:], bias_attr=None if b is not None else False, **options)
        layer = layer.to(dtype=dtype)
        assert layer.set_state_dict(state) == ([], [])
        return layer(paddle.to_tensor(X))

    return Call(
        text,
        lambda: output(Conv2D, arguments),
        (lambda: output(paddle.nn.Conv2D, paddle_arguments)) if valid else None,
    )


def pooling(rng):
    """pool2d, its loops and its layer against `paddle.nn`."""
    dtype = pick(rng, "float32", "float64")
    X = numbers(rng, *rng.integers(1, 4, 2), *rng.integers(1, 9, 2), dtype=dtype)
    if rng.integers(4) == 0:
        X = np.round(X)  # several equal maxima
    (size, area), (stride, steps) = one_or_pair(rng, 1, 4), one_or_pair(rng, 1, 3)
    padding, border = one_or_pair(rng, 0, 2)
    arguments = {"size": size, "mode": pick(rng, "max", "avg"), "stride": stride,
                 "padding": padding}  # fmt: skip
    valid = all(border[k] < area[k] and X.shape[2 + k] + 2 * border[k] >= area[k] for k in (0, 1))
    form = pick(rng, "pool2d", "loops", "layer")
    text = f"{form} X{list(X.shape)} {dtype} {arguments}"
    if rng.integers(3) == 0:
        valid = False
        fault = pick(rng, "dtype", "rank", "empty", "size", "mode", "kind")
        if fault == "mode":
            arguments["mode"] = pick(rng, "mean", "MAX", None, 3, "")
        elif fault == "size":
            name = pick(rng, "size", "stride", "padding")
            arguments[name] = pick(rng, *(BAD_PADDING if name == "padding" else BAD_SIZE))
        else:
            X, *_ = _spoil(fault, X, None, None, {}, rng, form)
        text += f", wrong: {fault}"
    seed = int(rng.integers(1 << 30))
    mode = arguments["mode"]

    def tensor(turn):
        if not isinstance(X, np.ndarray):
            return X
        if turn and X.ndim == 4 and X.size:
            return on_paddle(X, np.random.default_rng(seed))
        return paddle.to_tensor(X, stop_gradient=X.dtype.kind != "f")

    def run():
        if form == "layer":
            return with_gradients(Pool2D(**arguments), [tensor(True)], seed)
        function = {"pool2d": pool2d, "loops": pool2d_loops}[form]
        return with_gradients(lambda X: function(X, **arguments), [tensor(True)], seed)

    def expected():
        pool = F.max_pool2d if mode == "max" else F.avg_pool2d
        return with_gradients(lambda X: pool(X, area, steps, border), [tensor(False)], seed)

    # Paddle divides float64 gradients of a mean by a float32 count.
    return Call(text, run, expected if valid else None, tolerance=1e-6)


def sizes(rng):
    """output_size against counting the positions."""
    values = {
        "size": int(rng.integers(1, 40)), "kernel": int(rng.integers(1, 12)),
        "stride": int(rng.integers(1, 5)), "padding": int(rng.integers(0, 4)),
        "dilation": int(rng.integers(1, 4)),
    }  # fmt: skip
    valid = True
    if rng.integers(3) == 0:
        name = pick(rng, *values)
        values[name] = pick(rng, -1, 1.5, "3", None, True)
        valid = False

    def expected():
        last = values["size"] + 2 * values["padding"] - 1
        reach = values["dilation"] * (values["kernel"] - 1)
        return len(range(0, last - reach + 1, values["stride"]))

    valid = valid and expected() > 0
    return Call(
        f"output_size({values})", lambda: output_size(**values), expected if valid else None
    )
