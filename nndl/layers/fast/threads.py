"""Parts of a batch on several threads: NumPy lets go of the interpreter while it computes.

The threads of NumPy's own BLAS share a single product, and busily wait for each other between
its steps. Where another program wants a core, that costs many times what it gains, and the
copies around the product stay on one core. Here each thread takes some images of the batch
through all of it, copies included, and sleeps when it has nothing to do.
"""

import contextlib
import ctypes
import functools
import itertools
import os
import queue
import threading
from pathlib import Path

import numpy as np

from ... import runtime

#: parts of batches that wait for a thread, and the threads that take them
_parts, _threads = queue.SimpleQueue(), []


def over_batch(function, size, worthwhile=True):
    """Call `function` with slices that make up a batch, each on a thread of its own.

    Parameters
    ----------
    function : callable
        Takes a slice of the batch.
    size : int
        Images in the batch.
    worthwhile : bool
        Whether there is enough to do for more than one thread.

    Returns
    -------
    list
        What the calls returned, in the order of the batch: sums over it come out the same in
        every run with as many threads.
    """

    def quietly(part):
        # As in Paddle, ∞ and NaN are results, not occasions for a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            return function(part)

    with one_blas_thread() as alone:
        threads = min(runtime.threads(), size) if worthwhile and alone else 1
        ends = [size * k // threads for k in range(threads + 1)]
        return _share_out(quietly, [slice(*pair) for pair in itertools.pairwise(ends)])


class Workspace:
    """Arrays used again from block to block: fresh memory costs more than filling it."""

    def __init__(self):
        self._arrays = {}

    def array(self, name, shape, dtype, fresh=np.empty):
        """An array of this shape, with whatever numbers it last held, or made by `fresh`.

        What a first axis was too long for stays: the last block of a batch is often a small one.
        """
        array = self._arrays.get(name)
        if array is None or array.shape[1:] != shape[1:] or len(array) < shape[0]:
            array = self._arrays[name] = fresh(shape, dtype)
        return array[: shape[0]]


def _share_out(function, parts):
    """Results of the parts, the first computed here, the others by threads that sleep till then.

    A pool of `concurrent.futures` would do, but its locks pass the interpreter to and fro: it took
    4 % more for the convolutions of LeNet, forward and backward.
    """
    answers = queue.SimpleQueue()  # of this call alone
    while len(_threads) < len(parts) - 1:
        _threads.append(threading.Thread(target=_serve, args=(_parts,), name="nndl", daemon=True))
        _threads[-1].start()
    for number, part in enumerate(parts[1:], 1):
        _parts.put((function, number, part, answers))
    results = [None] * len(parts)
    try:
        results[0] = function(parts[0])
    finally:  # whatever happens here, no thread goes on writing behind the caller's back
        others = [answers.get() for _ in parts[1:]]
    for number, result, error in others:
        if error is not None:
            raise error
        results[number] = result
    return results


def _serve(waiting):
    """What a thread does: one part after the other, answered to whoever asked."""
    while True:
        function, number, part, answers = waiting.get()
        try:
            answer = number, function(part), None
        except BaseException as error:  # to be raised where the result is expected
            answer = number, None, error
        answers.put(answer)
        del function, part, answers, answer  # nothing stays in memory while the thread sleeps


def _forget_threads():
    """A forked process, such as a loader's worker, inherits the list but not its threads."""
    global _parts, _threads
    _parts, _threads = queue.SimpleQueue(), []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


@contextlib.contextmanager
def one_blas_thread():
    """Products of NumPy on the calling thread alone; yields whether that could be had."""
    set_threads, get_threads = _blas()
    if set_threads is None:
        yield False
        return
    before = get_threads()
    set_threads(1)
    try:
        yield True
    finally:
        set_threads(before)


@functools.cache
def _blas():
    """The functions of NumPy's OpenBLAS that set and get its threads; None, None without it."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            with contextlib.suppress(OSError):
                library = ctypes.CDLL(str(path))  # the one that NumPy has loaded
                for prefix, suffix in itertools.product(("scipy_", ""), ("64_", "")):
                    name = f"{prefix}openblas_%s_num_threads{suffix}"
                    found = [getattr(library, name % verb, None) for verb in ("set", "get")]
                    if all(found):
                        return tuple(found)
    return None, None
