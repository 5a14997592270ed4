"""What Paddle 2.6 lacks of Paddle 3, at its one home: views of memory, states of generators."""

import contextlib

import numpy as np
import paddle
from paddle.base import core
from paddle.base.core import GeneratorState, default_cpu_generator, eager
from paddle.utils import dlpack

try:
    from paddle.jit.dy2static import parameter_recorder
except ImportError:  # before Paddle 3.1
    from paddle.jit.pir_dy2static import parameter_recorder

#: dictionaries by the address of a program
RECORDERS = parameter_recorder._global_parameter_recorder, parameter_recorder._global_inplace_map


def placed(order, count, values):
    """The values in the order of an operator's arguments, None for an argument left out."""
    places = [None] * count
    for k, value in zip(order, values, strict=True):
        places[k] = value
    return places


if hasattr(paddle.Tensor, "__dlpack__"):

    def view(X):
        """The numbers of a CPU Tensor as an array that shares its memory."""
        return np.from_dlpack(X.detach())

    def tensor(values):
        """A CPU Tensor that shares the memory of an array in C order.

        As `paddle.utils.dlpack.from_dlpack` does it, without asking first where the array lies.
        """
        return paddle.Tensor(core.from_dlpack(values.__dlpack__()))

    def operands(*arguments):
        """Functions, order, count and tensors of an `ArrayOperator` as Paddle can take them."""
        return arguments

    def generator_state(state):
        """Device, seed, offset and engine of a generator; the engine as text."""
        *numbers, engine = state.__getstate__()
        return *numbers, bytes(engine).decode()

    def generator(numbers, engine):
        """The inverse of `generator_state`."""
        # A new object: on the one that Paddle made, the engine would stay as it is.
        return _made((*numbers, list(engine.encode())))

    #: Within it `to_static` records operators in the form that Paddle 3 has always.
    graph_of_operators = contextlib.nullcontext

    def given(value):
        """Whether an operand or a result of such an operator is there."""
        return value.initialized()

else:
    graph_of_operators = paddle.pir_utils.IrGuard

    def given(value):  # 0 is the hash of an operand that was left out
        return hash(value) and "NULL" not in str(value.type())

    class _View:
        def __init__(self, X):
            self.X = X

        def __dlpack__(self, stream=None):
            return dlpack.to_dlpack(self.X)

        def __dlpack_device__(self):
            return 1, 0  # the CPU

    def view(X):
        if X.dtype == paddle.bool:  # has no DLPack type in Paddle 2.6
            return X.numpy()
        return np.from_dlpack(_View(X.detach().contiguous()))  # whose strides it does not tell

    def tensor(values):
        return eager.Tensor(
            value=values, place=paddle.CPUPlace(), persistable=False, zero_copy=True, name=None,
            stop_gradient=True,
        )  # fmt: skip

    def operands(functions, order, count, tensors):
        # Of several tensors in a list Paddle 2.6 gives a gradient to the last one only, and for
        # tensors one by one it refuses a gradient too many: join them to one tensor.
        if len({t.dtype for t in tensors}) > 1 or len(tensors) == 1:
            return functions, order, count, tensors
        forward, backward, twice = functions
        needed = placed(order, count, [not t.stop_gradient for t in tensors])
        shapes, ends = [t.shape for t in tensors], np.cumsum([t.size for t in tensors]).tolist()
        spans = list(zip([0, *ends], ends, shapes, strict=False))

        def apart(flat):
            return placed(order, count, [flat[a:b].reshape(shape) for a, b, shape in spans])

        def together(found, zeros, join, dtype):
            found = [
                zeros(s, dtype) if found[k] is None else found[k]
                for k, s in zip(order, shapes, strict=True)
            ]
            return (join([part.reshape([-1]) for part in found]),)

        def gradient(dY, memory, _, flat):
            found = backward(dY, memory, needed, *apart(flat))
            return together(found, np.zeros, np.concatenate, flat.dtype)

        def again(dY, flat):
            return together(twice(dY, *apart(flat)), paddle.zeros, paddle.concat, flat.dtype)

        functions = lambda flat: forward(*apart(flat)), backward and gradient, twice and again
        return functions, [0], 1, [paddle.concat([t.reshape([-1]) for t in tensors])]

    def generator_state(state):
        *numbers, engine = str(state).split(" ", 3)
        return *map(int, numbers), engine

    def generator(numbers, engine):
        # Paddle 2.6 takes a seed, but no engine. A Mersenne Twister makes 312 numbers at a time:
        # draw from the seed on until such a block begins with the engine's first.
        made = _made(tuple(numbers))
        if generator_state(made)[-1] == engine:
            return made
        word, *_, place = map(int, engine.split())
        for shift, mask in ((29, 0x5555555555555555), (-17, 0x71D67FFFEDA60000),
                            (-37, 0xFFF7EEE000000000), (43, -1)):  # fmt: skip
            word ^= (word >> shift if shift > 0 else word << -shift) & mask
        source = default_cpu_generator()
        kept = source.get_state()
        source.set_state(made)
        for _ in range(10_000):
            begin = source.get_state()
            draws = paddle.rand([312 * 4096], "float64").numpy()[::312]
            blocks = np.flatnonzero(draws == word * 2.0**-64)
            if blocks.size:
                source.set_state(begin)
                paddle.rand([312 * blocks[0] + place], "float64")
                break
        found = source.get_state()
        source.set_state(kept)
        if generator_state(found)[-1] != engine:
            raise ValueError(
                "the checkpoint expects a generator whose state follows from its seed, got one "
                "that does not: go on with Paddle 3, which restores any, or train from the start"
            )
        return found


def forget(program):
    """Drop the values that Paddle notes of a program while it records it.

    It drops them itself at the end of a recording, but not of one that an exception ends. They
    are noted by the program's address: a later program at the same one would get them, freed.
    """
    for recorder in RECORDERS:
        for noted in vars(recorder).values():
            noted.pop(id(program), None)


def _made(state):
    made = GeneratorState.__new__(GeneratorState)
    made.__setstate__(state)
    return made
