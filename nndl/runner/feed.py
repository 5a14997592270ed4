"""What comes out of a training loader: pairs of tensors, from a place that can be found again."""

import numpy as np
import paddle

from .saving.resume import generator_states, restore_generators


def loader_length(name, loader):
    """Batches of a loader; at least one."""
    try:
        length = len(loader)
    except TypeError:
        raise TypeError(
            f"{name} must be iterable and have a length, got {type(loader).__name__}; use "
            "nndl.BatchLoader(dataset), paddle.io.DataLoader(dataset) or a list of (X, y)"
        ) from None
    if not length:
        raise ValueError(f"{name} is empty: expected at least one batch of data, got none")
    return length


def tensors(value):
    """Arrays as Paddle tensors, in tuples and lists too."""
    if isinstance(value, np.ndarray):
        return paddle.to_tensor(value)
    if isinstance(value, tuple | list):
        return type(value)(tensors(item) for item in value)
    return value


def pair(batch, name):
    """The two parts (X, y) of a batch."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        what = f"{type(batch).__name__} of {len(batch)}" if hasattr(batch, "__len__") else batch
        raise TypeError(f"{name} must yield pairs (X, y), got {what}; put several inputs into X")
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

    A loader with `state_dict` and `load_state_dict` (`BatchLoader`) tells its own place. Any
    other is put back by starting its epoch again from the generators' states of that moment and
    passing over the batches already seen.

    Parameters
    ----------
    loader : iterable of (X, y) with a length
    """

    def __init__(self, loader):
        self.loader = loader
        self.knows_its_place = hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict")
        self.taken = 0
        self._begin = None

    def state(self):
        """Where the loader is, as `to_json` can store it."""
        if self.knows_its_place:
            return {"loader": self.loader.state_dict(), "taken": self.taken}
        return {"begin": self._begin if self.taken else None, "taken": self.taken}

    def restore(self, state):
        """Make the next `epoch()` go on from a state; restore the generators before."""
        if self.knows_its_place != ("loader" in state):
            raise ValueError(
                "the checkpoint was made with another kind of loader; use the one it began with"
            )
        self.taken = state["taken"]
        if self.knows_its_place:
            self.loader.load_state_dict(state["loader"])
        else:
            self._begin = state["begin"]

    def epoch(self):
        """Iterate over the rest of this epoch."""
        if self.knows_its_place or not self.taken:
            if not self.knows_its_place:
                self._begin = generator_states()
            batches = iter(self.loader)
        else:
            batches = self._pass_over()
        for batch in batches:
            self.taken += 1
            yield batch
        self.taken = 0

    def _pass_over(self):
        after = generator_states()
        restore_generators(self._begin)
        batches = iter(self.loader)
        for _ in range(self.taken):
            next(batches)
        # paddle.io.DataLoader reads ahead in a thread, which draws from these generators now.
        restore_generators(after, only_paddle=isinstance(self.loader, paddle.io.DataLoader))
        return batches
