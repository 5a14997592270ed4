"""Run an answer: its random state kept apart, its results as arrays, equal up to rounding."""

import contextlib
import inspect
import linecache
import random
import sys
import types
import warnings

import numpy as np


@contextlib.contextmanager
def untouched_state():
    """Keep the random states and Paddle's name counter as they were; fix them inside."""
    import paddle

    # The legacy generator of NumPy is the one that a student's np.random.rand() moves.
    quiet = warnings.catch_warnings()
    states = random.getstate(), np.random.get_state(), paddle.get_rng_state()  # noqa: NPY002
    names = paddle.utils.unique_name.guard()
    try:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        paddle.seed(0)
        with names, quiet, np.errstate(all="ignore"):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        paddle.set_rng_state(states[2])


def to_array(value):
    """A NumPy array from a number, array, tensor or (nested) list of these; TypeError else."""
    if isinstance(value, (list, tuple)):
        return np.stack([to_array(part) for part in value]) if value else np.zeros(0)
    if hasattr(value, "numpy"):
        value = value.numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(type(value).__name__)
    return array


def outputs(exercise, value):
    """The named results as a tuple of arrays, None where a part is missing."""
    if len(exercise.outputs) == 1:
        return (to_array(value),)
    if not isinstance(value, (tuple, list)) or len(value) != len(exercise.outputs):
        raise LookupError("wrong_number_of_outputs")
    return tuple(None if part is None else to_array(part) for part in value)


def call(exercise, function, args, direct=False):
    """Raw value of the answer, through the exercise's own way of calling it."""
    return function(*args) if direct or not exercise.call else exercise.call(function, *args)


def outcome(exercise, function, case, direct=False):
    """Arrays that a function gives for a case, or the exception it raised."""
    try:
        with np.errstate(all="ignore"):
            return outputs(exercise, call(exercise, function, case.fresh(exercise.inputs), direct))
    except Exception as problem:
        return problem


# -- equal -------------------------------------------------------------------------------------

#: exceptions that two ways of making one mistake may share (wrong shapes, windows out of range)
SHAPE_ERRORS = (ValueError, IndexError, RuntimeError, AssertionError)


def same_values(actual, expected):
    """Equal shape, and values equal up to the rounding of float32."""
    if actual.shape != expected.shape:
        # a lone number may come as [], [1] or [1, 1]
        if not (expected.ndim == 0 and actual.size == 1):
            return False
        actual = actual.reshape([])
    return not different(actual, expected).any()


def different(actual, expected):
    """Where two arrays of one shape differ by more than rounding."""
    actual, expected = actual.astype("float64"), expected.astype("float64")
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    return ~np.isclose(actual, expected, rtol=1e-3, atol=1e-4 * max(scale, 1e-3), equal_nan=True)


def same(actual, expected, strict=False):
    """Whether two outcomes agree in all outputs that the second one speaks of.

    Two exceptions agree if both are of a kind that wrong shapes cause; with `strict`, if they
    say the same.
    """
    if isinstance(expected, Exception):
        if strict:
            return type(actual) is type(expected) and str(actual)[:500] == str(expected)[:500]
        # where one way of writing it fails, another gives nothing
        empty = not isinstance(actual, Exception) and any(
            part is not None and part.size == 0 for part in actual
        )
        return empty or isinstance(actual, SHAPE_ERRORS)
    if isinstance(actual, Exception):
        return False
    return all(
        e is None or (a is not None and same_values(a, e))
        for a, e in zip(actual, expected, strict=True)
    )


# -- source ------------------------------------------------------------------------------------


def namespace():
    """What a notebook cell has at hand."""
    import paddle

    return {
        "__name__": "exercise",
        "np": np,
        "paddle": paddle,
        "nn": paddle.nn,
        "F": paddle.nn.functional,
    }


def load_source(source, name, label=None):
    """Run stub or solution source as a notebook cell would; return what it defines."""
    label = f"<{label or name}>"
    names = namespace()
    linecache.cache[label] = (len(source), None, source.splitlines(keepends=True), label)
    exec(compile(source, label, "exec"), names)
    return names[name]


def _codes(obj):
    """Byte code of a function, or of the methods of a class, without names of files or lines."""
    if inspect.isclass(obj):
        parts = {k: v for k, v in vars(obj).items() if inspect.isfunction(v)}
        return tuple((name, _codes(parts[name])) for name in sorted(parts))
    return _code_key(obj.__code__) if inspect.isfunction(obj) else None


def _code_key(code):
    constants = [_code_key(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return code.co_code, repr(constants), code.co_names, code.co_varnames


def is_stub(exercise, answer):
    """Whether the answer is missing, or compiles to the unchanged stub."""
    if answer is None or answer is Ellipsis or answer is NotImplemented:
        return True
    codes = _codes(answer)
    return codes is not None and codes == _codes(load_source(exercise.stub, exercise.name))


_LIBRARIES = ("paddle", "numpy", "nndl", "scipy")


def ready_made(exercise, answer):
    """Names among `exercise.by_hand` that the answer calls while it runs on the first case."""
    if not exercise.by_hand:
        return []
    wanted = {name.replace("_", ""): name for name in exercise.by_hand}
    found = []

    def watch(frame, event, _):
        code = frame.f_code
        if event != "call" or not any(part in code.co_filename for part in _LIBRARIES):
            return
        name = code.co_name
        if name == "forward":  # of a layer: Conv2D does not call conv2d
            name = type(frame.f_locals.get("self")).__name__
        name = name.replace("_", "").lower()
        hit = next((shown for key, shown in wanted.items() if name in (key, f"{key}2d")), None)
        if hit and hit not in found:
            found.append(hit)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        call(exercise, answer, exercise.cases[0].fresh(exercise.inputs))
    except Exception:
        return []
    finally:
        sys.setprofile(before)
    return found
