"""Two NumPy functions, forward and backward, as one differentiable operator of Paddle."""

import functools
import inspect

import paddle
from paddle.autograd import PyLayer

from .arrays import array, tensor


class ArrayOperator(PyLayer):
    """Runs `forward` and, when Paddle propagates gradients, `backward`, on views of the tensors.

    No number is copied on the way in or out: the arrays share the tensors' memory.
    """

    @staticmethod
    def forward(ctx, forward, backward, *tensors):
        Y, memory = forward(*[None if t is None else array(t) for t in tensors])
        ctx.save_for_backward(*[t for t in tensors if t is not None])
        ctx.present = [t is not None for t in tensors]
        ctx.needed = [t is not None and not t.stop_gradient for t in tensors]
        ctx.versions = [t.inplace_version for t in tensors if t is not None]
        ctx.run, ctx.memory = backward, memory
        return tensor(Y)

    @staticmethod
    def backward(ctx, dY):
        saved = ctx.saved_tensor()
        if [t.inplace_version for t in saved] != ctx.versions:
            raise RuntimeError(
                "the gradient needs the operator's inputs as they were, got one that was changed "
                "in place since: write X = X * 2 instead of X.scale_(2), or call backward() before"
            )
        saved = iter(saved)
        arrays = [array(next(saved)) if present else None for present in ctx.present]
        gradients = ctx.run(array(dY), ctx.memory, ctx.needed, *arrays)
        return tuple(
            tensor(gradient) if needed else None
            for gradient, needed, present in zip(gradients, ctx.needed, ctx.present, strict=True)
            if present
        )


def differentiable(forward, backward, *tensors):
    """Y = forward(*arrays), with `backward` as its derivative.

    Parameters
    ----------
    forward : callable
        Takes the tensors as arrays (None stays None); returns (Y, memory), where memory is
        whatever the backward pass wants to see again.
    backward : callable
        Takes (dY, memory, needed, *arrays), all as arrays, where needed[i] says whether anyone
        asks for the gradient of tensors[i]; returns one gradient for each of them, None where
        it is not needed.
    *tensors : Tensor or None

    Returns
    -------
    Tensor
    """
    return ArrayOperator.apply(forward, backward, *tensors)


def on_tensors(backward):
    """Let a function of NumPy arrays take Tensors as well, and be differentiable for them.

    Parameters
    ----------
    backward : callable
        Takes (dY, **arguments of the function); returns a tuple of gradients, one for each
        parameter that may be a Tensor, in their order.

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

            return differentiable(forward, gradients, *[arguments[name] for name in names])

        return wrapper

    return decorate
