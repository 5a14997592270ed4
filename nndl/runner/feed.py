"""What comes out of a training loader: pairs of tensors, from a place that can be found again."""

import copy

import numpy as np
import paddle
from paddle.io.dataloader.collate import default_collate_fn, default_convert_fn

from ..dataset.loader import BatchLoader
from .saving.hidden import Hidden
from .saving.resume import generator_states, restore_generators, to_json

_END = object()


def loader_length(name, loader):
    """Batches of a loader, at least one; None where it does not know (an IterableDataset's)."""
    try:
        length = len(loader)
    except (TypeError, ValueError, NotImplementedError):
        if not hasattr(loader, "__iter__") or hasattr(loader, "__next__"):
            raise TypeError(
                f"{name} must be iterable anew in every epoch, got {type(loader).__name__}; use "
                "nndl.BatchLoader(dataset), paddle.io.DataLoader(dataset) or a list of (X, y)"
            ) from None
        return None
    if not length:
        raise ValueError(f"{name} is empty: expected at least one batch of data, got none")
    return length


def read(loader):
    """Iterate over a loader; an error of a data set in `paddle.io.DataLoader` is raised here.

    Without workers a thread of it reads, which ends at the error without a word, and who waits
    for the batch waits for ever. A twin of the loader takes the error for the end of the data.
    """
    if not isinstance(loader, paddle.io.DataLoader) or loader.num_workers:
        return iter(loader)
    return _until_error(loader)


def _until_error(loader):
    twin, errors = copy.copy(loader), []
    collate = loader.collate_fn or (
        default_collate_fn if loader.auto_collate_batch else default_convert_fn
    )
    twin.dataset = _Ending(loader.dataset, errors)
    twin.collate_fn = lambda samples: twin.dataset.end_at_error(collate, samples)
    yield from twin
    if errors:
        raise errors[0]


class _Ending:
    """A data set that ends where it would raise, and keeps the error."""

    def __init__(self, dataset, errors):
        self.dataset, self.errors = dataset, errors

    def end_at_error(self, function, *arguments):
        try:
            return function(*arguments)
        except Exception as error:
            if not isinstance(error, StopIteration):
                self.errors.append(error)
            raise StopIteration from None

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, key):
        return self.end_at_error(self.dataset.__getitem__, key)

    def __iter__(self):
        source = iter(self.dataset)
        while True:
            try:
                sample = self.end_at_error(next, source)
            except StopIteration:
                return
            yield sample


def tensors(value):
    """Arrays as Paddle tensors, in tuples and lists too."""
    if isinstance(value, np.ndarray):
        return paddle.to_tensor(value)
    if isinstance(value, tuple | list):
        return type(value)(tensors(item) for item in value)
    return value


def inputs_and_labels(batch, name, unpack=None):
    """The two parts (X, y) of a batch, by `unpack` where the batch is no such pair."""
    if unpack is not None:
        batch = unpack(batch)
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        if isinstance(batch, dict):
            what, keys = f"a dict of {', '.join(map(repr, batch))}", [*batch, "y"]
            how = f"(batch[{keys[0]!r}], batch[{keys[1]!r}])"
        else:
            what = f"{type(batch).__name__} of {len(batch)}" if hasattr(batch, "__len__") else batch
            how = "((batch[0], batch[1]), batch[2])"
        raise TypeError(
            f"{name} must yield pairs (X, y), got {what}; say which part is which, with "
            f"RunnerV3(..., unpack=lambda batch: {how}); several inputs are a tuple as X"
        )
    X, y = batch
    if not isinstance(X, paddle.Tensor) or not isinstance(y, paddle.Tensor):
        X, y = tensors(X), tensors(y)
    for part, value in (("X", X), ("y", y)):
        count = sample_count(value)
        if count is None and not isinstance(value, paddle.Tensor):
            raise TypeError(
                f"{name} must yield {part} as a Tensor or an array, got {type(value).__name__}; "
                "put the samples of a batch together with numpy.stack or paddle.stack"
            )
        if count == 0:
            raise ValueError(
                f"{name} must yield batches of at least one sample, got {part} of shape "
                f"{list(getattr(value, 'shape', []))}; leave empty batches out"
            )
    return X, y


def sample_count(*parts):
    """Samples in a batch: the first length of the first tensor found."""
    for part in parts:
        if isinstance(part, paddle.Tensor) and part.ndim:
            return part.shape[0]
        if isinstance(part, tuple | list) and (count := sample_count(*part)) is not None:
            return count
    return None


class Feed:
    """A training loader whose place in an epoch can be saved and found again.

    A loader with `state_dict` and `load_state_dict` (`BatchLoader`) tells its own place, asked
    after each batch, as others may iterate over it meanwhile. Any other is put back by starting
    its epoch again from the generators' states of that moment and passing over the batches
    already seen. What samplers, data sets and transforms keep of their own goes with it (see
    `saving.hidden`).

    Parameters
    ----------
    loader : iterable of batches
    length : int, optional
        Batches of an epoch; where it is not known, the feed looks one batch ahead.
    """

    def __init__(self, loader, length=None):
        self.loader, self.length = loader, length
        self.knows_its_place = hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict")
        self.hidden = Hidden(loader, own=not self.knows_its_place)
        self.taken = self._read = 0
        self._begin = self._place = None
        # Whoever looked at a batch before has not begun this run's epoch.
        if isinstance(loader, BatchLoader):
            self._place = {**loader.state_dict(), "position": loader.start}

    def state(self):
        """Where the loader is, as `to_json` can store it."""
        if self.knows_its_place:
            place = {"loader": self._place or self.loader.state_dict()}
        else:
            place = {"begin": self._begin if self.taken else None, "read": self._read}
        return {**place, "hidden": self._hidden_now(), "taken": self.taken}

    def _hidden_now(self):
        # In the middle of an epoch that is passed over again, what counts is how it began.
        return self._hidden if self.taken and not self.knows_its_place else self.hidden.state()

    def restore(self, state):
        """Make the next `epoch()` go on from a state; restore the generators before."""
        if self.knows_its_place != ("loader" in state):
            raise ValueError(
                "the checkpoint was made with another kind of loader; use the one it began with"
            )
        self.taken = state["taken"]
        if self.knows_its_place:
            self._place = state["loader"]
            self.loader.load_state_dict(self._place)
        else:
            self._begin, self._read = state["begin"], state["read"]
        self.hidden.restore(state["hidden"])
        self._hidden = state["hidden"]

    def epoch(self):
        """Iterate over the rest of this epoch."""
        if self.knows_its_place or not self.taken:
            if not self.knows_its_place:
                self._begin, self._hidden = generator_states(), self.hidden.state()
            elif self._place and to_json(self.loader.state_dict()) != to_json(self._place):
                self.loader.load_state_dict(self._place)  # others have iterated over it since
            self._batches, self._ahead, self._read = read(self.loader), [], 0
        else:
            self._pass_over()
        while True:
            batch, self._place = self._next()
            if batch is _END:
                break
            self.taken += 1
            yield batch
        self.taken = self._read = 0

    def _next(self):
        """The next batch, and the place after it where the loader tells it."""
        if self._ahead:
            return self._ahead.pop()
        batch = next(self._batches, _END)
        self._read += batch is not _END
        return batch, copy.deepcopy(self.loader.state_dict()) if self.knows_its_place else None

    def at_the_end(self):
        """Whether the batch given out last was the last one.

        Ask after the step: random numbers are then drawn in the order of a plain loop.
        """
        if self.length is not None:
            return self.taken == self.length
        if not self._ahead:
            self._ahead = [self._next()]
        return self._ahead[0][0] is _END

    def _pass_over(self):
        after = generator_states()
        restore_generators(self._begin)
        self._batches = read(self.loader)
        self._ahead = [(next(self._batches), None) for _ in range(self._read)][self.taken :]
        # paddle.io.DataLoader reads ahead in a thread, which draws from these generators now.
        restore_generators(after, only_paddle=isinstance(self.loader, paddle.io.DataLoader))
