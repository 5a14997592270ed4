"""Loaders of Paddle whose data set, or what puts its samples together, raises an error."""

import faulthandler
import threading

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from nndl import RunnerV3
from nndl.runner.feed import read


class Photos(paddle.io.Dataset):
    """Twenty of them; number 13 is broken, or of another size."""

    def __init__(self, broken=False, size=4):
        self.broken, self.size = broken, size

    def __len__(self):
        return 20

    def __getitem__(self, k):
        if k == 13 and self.broken:
            raise OSError("photo 13 is truncated")
        return np.full(self.size if k == 13 else 4, k, "float32"), k % 3


class Stream(paddle.io.IterableDataset):
    def __init__(self, **options):
        self.photos = Photos(**options)

    def __iter__(self):
        return (self.photos[k] for k in range(20))


@pytest.fixture(autouse=True)
def no_waiting_for_ever():
    faulthandler.dump_traceback_later(60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("kind", [Photos, Stream])
def test_the_error_of_a_data_set_is_raised(kind):
    with pytest.raises(OSError, match="photo 13 is truncated"):
        list(read(paddle.io.DataLoader(kind(broken=True), batch_size=4)))


def test_samples_that_do_not_fit_together():
    with pytest.raises(ValueError, match="same shape"):
        list(read(paddle.io.DataLoader(Photos(size=5), batch_size=4)))


def test_training_and_evaluation_end_with_it_and_leave_no_thread():
    model = paddle.nn.Linear(4, 3)
    runner = RunnerV3(
        model, paddle.optimizer.SGD(0.1, parameters=model.parameters()), F.cross_entropy
    )
    whole, broken = (
        paddle.io.DataLoader(Photos(broken=broken), batch_size=4) for broken in (False, True)
    )
    before = threading.active_count()
    with pytest.raises(OSError, match="photo 13 is truncated"):
        runner.train(broken, num_epochs=1, save_path=None, log_steps=0)
    with pytest.raises(OSError, match="photo 13 is truncated"):
        runner.evaluate(broken)
    runner.evaluate(whole)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "options", [{"batch_size": 6}, {"batch_size": 4, "drop_last": True, "shuffle": True}]
)
@pytest.mark.parametrize("kind", [Photos, Stream])
def test_what_is_read_is_what_paddle_reads(kind, options):
    if kind is Stream:
        options = {k: v for k, v in options.items() if k != "shuffle"}
    loader = paddle.io.DataLoader(kind(), **options)
    read_by_paddle, read_here = [], []
    for iterate, found in ((iter, read_by_paddle), (read, read_here)):
        np.random.seed(0)  # noqa: NPY002
        paddle.seed(0)
        found.extend([part.numpy() for part in batch] for batch in iterate(loader))
    assert len(read_by_paddle) == len(read_here) > 2
    for theirs, ours in zip(read_by_paddle, read_here, strict=True):
        for a, b in zip(theirs, ours, strict=True):
            np.testing.assert_array_equal(a, b)
