"""Parts of a batch on threads: order, errors, forked processes, NumPy's own threads."""

import os
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import nndl
from nndl import runtime
from nndl.layers.convolution import conv2d_backward, conv2d_loops
from nndl.layers.fast import threads


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.setattr(runtime, "threads", lambda: 3)


def test_parts_cover_the_batch_in_order(three_threads):
    parts = threads.over_batch(lambda part: list(range(8))[part], 8)
    assert len(parts) == 3
    assert [number for part in parts for number in part] == list(range(8))


def test_a_small_batch_or_little_work_stays_on_the_calling_thread(three_threads):
    def here(part):
        return threading.get_ident()

    assert threads.over_batch(here, 1) == [threading.get_ident()]
    assert threads.over_batch(here, 64, worthwhile=False) == [threading.get_ident()]


def test_several_threads_take_part(three_threads):
    meeting = threading.Barrier(3, timeout=30)  # passes only when three are in it at once
    threads.over_batch(lambda part: meeting.wait(), 3)


@pytest.mark.parametrize("culprit", [0, 2])
def test_an_error_of_any_part_reaches_the_caller(three_threads, culprit):
    def fail(part):
        if part.start == culprit:
            raise ValueError("this part")

    with pytest.raises(ValueError, match="this part"):
        threads.over_batch(fail, 3)


def test_the_other_parts_are_done_when_an_error_is_seen(three_threads):
    done = []

    def slow_but_the_first(part):
        if part.start == 0:
            raise ValueError("this part")
        time.sleep(0.05)
        done.append(part.start)

    with pytest.raises(ValueError):
        threads.over_batch(slow_but_the_first, 3)
    assert sorted(done) == [1, 2]
    assert threads.over_batch(lambda part: part.start, 3) == [0, 1, 2]  # no answer is left over


def test_several_callers_at_once_get_their_own_results(three_threads):
    found = {}

    def call(name):
        parts = [threads.over_batch(lambda part: (name, part.start), 6) for _ in range(50)]
        found[name] = parts

    callers = [threading.Thread(target=call, args=(name,)) for name in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    for name in range(4):
        assert found[name] == [[(name, 0), (name, 2), (name, 4)]] * 50


def test_nothing_stays_in_memory_between_calls(three_threads):
    class Result:
        pass

    made = []

    def compute(part):
        result = Result()
        made.append(weakref.ref(result))
        return result

    del threads.over_batch(compute, 3)[:]
    end = time.monotonic() + 10
    while any(reference() is not None for reference in made):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_numpy_gets_its_threads_back():
    set_threads, get_threads = threads._blas()
    if set_threads is None:
        pytest.skip("NumPy without OpenBLAS")
    before = get_threads()
    inside = threads.over_batch(lambda part: get_threads(), 4)
    assert set(inside) == {1}
    assert get_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_computes_too(three_threads):
    code = (
        "import os, nndl, numpy as np, paddle\n"
        "from nndl import runtime\n"
        "from nndl.layers.fast import threads\n"
        "runtime.threads = lambda: 3\n"
        "assert len(threads.over_batch(lambda part: part, 6)) == 3\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(len(threads.over_batch(lambda part: part, 6)))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "3", done.stderr


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [((5, 2, 6, 7), 3, 1, 1), ((4, 17, 5, 5), 3, 2, 1), ((3, 18, 4, 4), 1, 1, 0)],
)
def test_gradients_do_not_depend_on_the_threads(
    monkeypatch, three_threads, shape, kernel, stride, padding
):
    """Whole numbers: every order of summation gives the same float."""
    monkeypatch.setattr("nndl.layers.fast.convolution.SHARED_WORK", 0)
    rng = np.random.default_rng(0)
    X, W = (
        rng.integers(-3, 4, s).astype("float32") for s in (shape, (3, shape[1], kernel, kernel))
    )
    dY = rng.integers(-3, 4, conv2d_loops(X, W, None, stride, padding).shape).astype("float32")
    shared = conv2d_backward(dY, X, W, stride, padding)
    monkeypatch.setattr(runtime, "threads", lambda: 1)
    alone = conv2d_backward(dY, X, W, stride, padding)
    for ours, theirs in zip(shared, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_large_convolution_takes_little_memory():
    """64 images of 64×32×32: the columns of the whole batch would take 150 MB twice."""
    code = (
        "import resource, nndl, paddle\n"
        "X = paddle.randn([64, 64, 32, 32]); X.stop_gradient = False\n"
        "layer = nndl.Conv2D(64, 64, 3, padding=1)\n"
        "small = X[:1].detach(); small.stop_gradient = False\n"
        "Y = layer(small); Y.backward(Y.detach())\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before = peak()\n"
        "Y = layer(X); Y.backward(Y.detach())\n"
        "print(peak() - before)\n"
    )
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    outputs = 2 * 64 * 64 * 32 * 32 * 4 / 2**20  # Y and the gradient of X, 16 MB each
    assert float(done.stdout) - outputs < 200, done.stderr


def test_the_runtime_says_how_many_threads():
    assert runtime.threads() == (nndl.runtime.report().threads or 1)
