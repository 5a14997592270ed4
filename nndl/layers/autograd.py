"""Two NumPy functions, forward and backward, as one differentiable operator of Paddle."""

import functools
import inspect
import weakref

import numpy as np
import paddle
from paddle.autograd import PyLayer
from paddle.jit.sot import psdb

from .._paddle import operands, placed
from .arrays import array, tensor


def traced():
    """Whether Paddle records a graph, of which its own operators are the nodes."""
    return not paddle.in_dynamic_mode() or psdb.in_sot()


class _Kept:
    """There as long as Paddle keeps what the backward pass wants to see again."""


class ArrayOperator(PyLayer):
    """Runs `forward` and, when Paddle propagates gradients, `backward`, on views of the tensors.

    No number is copied on the way in or out: the arrays share the tensors' memory. The tensors
    come as one list, those that want a gradient first: then Paddle drops what `paddle.grad` did
    not ask for, while for tensors given one by one it refuses a gradient too many.
    """

    @staticmethod
    def forward(ctx, kept, functions, order, count, tensors):
        ctx.kept = kept
        forward, *ctx.functions = functions
        ctx.save_for_backward(*tensors)
        ctx.order, ctx.count = order, count
        ctx.versions = [t.inplace_version for t in tensors]
        ctx.arrays = placed(order, count, map(array, tensors))
        Y, ctx.memory = forward(*ctx.arrays)
        return tensor(Y)

    @staticmethod
    def backward(ctx, dY):
        backward, twice = ctx.functions
        saved = ctx.saved_tensor()
        if [t.inplace_version for t in saved] != ctx.versions:
            raise RuntimeError(
                "the gradient needs the operator's inputs as they were, got one that was changed "
                "in place since: write X = X * 2 instead of X.scale_(2), or call backward() before"
            )
        again = paddle.is_grad_enabled()  # create_graph=True: the gradient has a gradient
        if again and twice is None:
            raise RuntimeError(
                "create_graph=True expects an operator with a second derivative, got one that has "
                "the first only: leave create_graph out, or use Paddle's operator here"
            )
        place = functools.partial(placed, ctx.order, ctx.count)
        needed = place([not t.stop_gradient for t in saved])
        if again or backward is None:
            found = twice(dY, *place(saved))
        else:
            found = backward(array(dY), ctx.memory, needed, *ctx.arrays)
        return [
            tensor(found[k])
            if isinstance(found[k], np.ndarray)
            else found[k]
            if needed[k]
            else None
            for k in ctx.order
        ]


def differentiable(forward, backward, *tensors, twice=None):
    """Y = forward(*arrays), with `backward` as its derivative.

    Parameters
    ----------
    forward : callable
        Takes the tensors as arrays (None stays None); returns (Y, memory), where memory is
        whatever the backward pass wants to see again.
    backward : callable or None
        Takes (dY, memory, needed, *arrays), all as arrays, where needed[i] says whether anyone
        asks for the gradient of tensors[i]; returns one gradient for each of them, None where
        it is not needed. None: the derivative is `twice`.
    *tensors : Tensor or None
    twice : callable, optional
        Takes (dY, *tensors), all as Tensors, and returns the same gradients by operators that are
        differentiable themselves: for `create_graph=True`, which is refused without it.

    Returns
    -------
    Tensor
    """
    order = [k for k, t in enumerate(tensors) if t is not None]
    order.sort(key=lambda k: tensors[k].stop_gradient)
    given = [tensors[k] for k in order]
    kept = _Kept()
    Y = ArrayOperator.apply(kept, *operands((forward, backward, twice), order, len(tensors), given))
    if not Y.stop_gradient:
        Y.register_hook(_refuse_once_more(weakref.ref(kept)))
    return Y


def _refuse_once_more(kept):
    """A hook for an operator's output: Paddle would go on with what it has freed, and crash."""

    def check(_):
        if kept() is None:
            raise RuntimeError(
                "backward() was expected once, got it again: Paddle keeps what a PyLayer needs for "
                "one backward(), also with retain_graph=True; add the losses up before, compute "
                "the output again, or call paddle.grad(loss, inputs, retain_graph=True) each time"
            )

    return check


def on_tensors(backward, twice=None):
    """Let a function of NumPy arrays take Tensors as well, and be differentiable for them.

    Parameters
    ----------
    backward : callable
        Takes (dY, **arguments of the function); returns a tuple of gradients, one for each
        parameter that may be a Tensor, in their order.
    twice : callable, optional
        The same of Tensors, by differentiable operators; see `differentiable`.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            arguments = call.arguments
            names = [k for k, value in arguments.items() if isinstance(value, paddle.Tensor)]
            if not names:
                return function(**arguments)

            def forward(*arrays):
                return function(**{**arguments, **dict(zip(names, arrays, strict=True))}), None

            def gradients(dY, memory, needed, *arrays):
                found = backward(dY, **{**arguments, **dict(zip(names, arrays, strict=True))})
                return found[: len(names)]

            def again(dY, *tensors):
                found = twice(dY, **{**arguments, **dict(zip(names, tensors, strict=True))})
                return found[: len(names)]

            given = [arguments[name] for name in names]
            return differentiable(forward, gradients, *given, twice=twice and again)

        return wrapper

    return decorate
