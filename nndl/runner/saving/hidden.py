"""State that samplers, data sets and transforms keep of their own, found and put back.

An object tells its state itself where it has `state_dict()` and `load_state_dict(state)`. Of all
others that a loader leads to, NumPy's and Python's generators are kept, and numbers and small
arrays in attributes where they have changed since training began. Python generators (`yield`)
have a state that nobody can read: they are named as a risk.
"""

import copy
import functools
import inspect
import random
import types

import numpy as np
import paddle

_SMALL = 20_000  # entries up to which an array or a list is compared
_OBJECTS = 5_000  # that are looked into
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def _generator_state(generator):
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return (generator.getstate if isinstance(generator, random.Random) else generator.get_state)()


def _restore_generator(generator, state):
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)


def plain(value):
    """Whether a value is a number, truth value or None, or a small array or list of them."""
    if isinstance(value, np.ndarray):
        return value.size <= _SMALL and value.dtype.kind in "biuf"
    if isinstance(value, list | tuple):
        return len(value) <= _SMALL and all(isinstance(v, int | float | np.generic) for v in value)
    return value is None or isinstance(value, bool | int | float | np.generic)


def same(a, b):
    """Whether two plain values are equal, nan included."""
    return type(a) is type(b) and np.array_equal(np.asarray(a, object), np.asarray(b, object))


def _parts(value):
    """What an object holds, under the names that lead to it."""
    if isinstance(value, functools.partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if isinstance(value, types.MethodType):
        return {"self": value.__self__}
    if isinstance(value, types.FunctionType):
        cells = value.__closure__ or ()
        return {
            name: cell.cell_contents
            for name, cell in zip(value.__code__.co_freevars, cells, strict=True)
            if cell != types.CellType()
        }
    if isinstance(value, list | tuple):
        return dict(enumerate(value)) if len(value) <= 64 else {}
    if isinstance(value, dict):
        return value if len(value) <= 64 else {}
    if isinstance(value, type | types.ModuleType | paddle.nn.Layer | paddle.Tensor | np.ndarray):
        return {}
    return getattr(value, "__dict__", {})


class Hidden:
    """The state behind a loader.

    Parameters
    ----------
    root : object
        A loader.
    own : bool
        False leaves out what the loader itself tells by its `state_dict`.
    """

    def __init__(self, root, own=True):
        self.root, self.own = root, own
        self._begin = {p: copy.copy(value) for p, value, kind in self._walk() if kind == "plain"}

    def _walk(self):
        """Triples (path, object, 'protocol', 'generator', 'plain' or 'risk')."""
        seen, ahead = {id(self.root)}, [((), self.root)]
        for path, value in ahead:  # grows while it is walked
            if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
                attributes = False
            else:
                attributes = hasattr(value, "__dict__")
            for name, part in _parts(value).items():
                way = (*path, name)
                if plain(part):
                    if attributes and (path or self.own):
                        yield way, part, "plain"
                elif id(part) not in seen and len(way) < 9 and len(ahead) < _OBJECTS:
                    seen.add(id(part))
                    if isinstance(part, _GENERATORS):
                        yield way, part, "generator"
                    elif isinstance(part, types.GeneratorType):
                        yield way, part, "risk"
                    elif not inspect.isclass(part) and _tells(part):
                        yield way, part, "protocol"
                    else:
                        ahead.append((way, part))

    def risks(self):
        """Names of what cannot be saved."""
        return [".".join(map(str, path)) for path, _, kind in self._walk() if kind == "risk"]

    def state(self):
        """What has to be put back, as `to_json` can store it."""
        found = []
        for path, value, kind in self._walk():
            if kind == "generator":
                found.append([list(path), kind, _generator_state(value)])
            elif kind == "protocol":
                found.append([list(path), kind, copy.deepcopy(value.state_dict())])
            elif kind == "plain" and not same(value, self._begin.get(path, ...)):
                found.append([list(path), kind, copy.copy(value)])
        return found

    def restore(self, state):
        """Put back what `state` returned.

        Raises
        ------
        ValueError
            The loader has no such part any more.
        """
        for path, kind, value in state:
            owner = self.root
            for name in path[:-1] if kind == "plain" else path:
                owner = _parts(owner).get(name, ...)
            if owner is ...:
                raise ValueError(
                    f"the checkpoint holds the state of {'.'.join(map(str, path))} of the loader, "
                    "which is not there; use the loader that the run began with"
                )
            if kind == "generator":
                _restore_generator(owner, value)
            elif kind == "protocol":
                owner.load_state_dict(value)
            else:
                setattr(owner, path[-1], value)


def _tells(value):
    """Whether an object tells its state itself."""
    return not isinstance(value, paddle.nn.Layer) and all(
        callable(getattr(value, name, None)) for name in ("state_dict", "load_state_dict")
    )
