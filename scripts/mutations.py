"""Ways in which a file goes wrong, for the tests of whoever reads it."""

import io
import os
import pickle


class _Call:
    """Pickles as a call, which an ordinary unpickler makes."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def malicious_pickles(sentinel):
    """Pickles that make the file `sentinel` when they are unpickled carelessly.

    Parameters
    ----------
    sentinel : str

    Returns
    -------
    list of bytes
    """
    import numpy as np

    command = f"touch {sentinel}"
    array = np.zeros(3, "float32")
    return [
        pickle.dumps(_Call(os.system, command)),
        pickle.dumps({"weight": array, "bias": _Call(os.system, command)}, protocol=4),
        pickle.dumps([_Call(eval, f"open({sentinel!r}, 'w').close()")], protocol=2),
        pickle.dumps(_Call(exec, f"open({sentinel!r}, 'w').close()"), protocol=5),
        pickle.dumps({"weight": (array, _Call(open, sentinel, "w"))}, protocol=4),
        f"cposix\nsystem\n(S'{command}'\ntR.".encode(),
        b"\x80\x02" + f"cposix\nsystem\n(X{chr(len(command))}\0\0\0{command}tR.".encode(),
    ]


def object_archive(sentinel):
    """An .npz whose array is a pickle that makes the file `sentinel`."""
    import numpy as np

    array = np.empty(1, object)
    array[0] = _Call(os.system, f"touch {sentinel}")
    buffer = io.BytesIO()
    np.savez(buffer, weight=array)
    return buffer.getvalue()


def mutations(content, rng, count, others=()):
    """Damaged versions of a file.

    Parameters
    ----------
    content : bytes
    rng : numpy.random.Generator
    count : int
    others : sequence of bytes
        Other files, parts of which find their way into this one.

    Yields
    ------
    (str, bytes)
        Kind of damage, the file's new content.
    """
    size = len(content)
    for number in range(count):
        kind = ("bit", "bits", "truncated", "longer", "swapped", "zeroed", "spliced", "noise")[
            number % 8
        ]
        new = bytearray(content)
        at = int(rng.integers(size))
        length = int(rng.integers(1, max(2, size // 4)))
        if number % 3 == 0:
            at %= min(size, 400)  # the header is small, and most depends on it
        if kind in ("bit", "bits"):
            for place in [at, *rng.integers(size, size=7)][: 1 if kind == "bit" else 8]:
                new[place] ^= 1 << int(rng.integers(8))
        elif kind == "truncated":
            del new[at:]
        elif kind == "longer":
            new += rng.bytes(length)
        elif kind == "swapped":
            new[:at], new[at:] = new[at:], new[:at]
            new = new[-size:]
        elif kind == "zeroed":
            new[at : at + length] = bytes(len(new[at : at + length]))
        elif kind == "spliced":
            other = others[number % len(others)] if others else rng.bytes(size)
            new[at : at + length] = other[at : at + length] or rng.bytes(length)
        else:
            new[:] = rng.bytes(size)
        yield kind, bytes(new)
