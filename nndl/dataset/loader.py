"""Batches of a data set as Paddle tensors, in an order that can be repeated and resumed."""

import numpy as np
import paddle


def _is_integer(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


class BatchLoader:
    """Iterate over a data set in batches (X, y).

    A whole batch is gathered and normalised at once, in this process: for data in memory that is
    faster than worker processes, and nothing can hang.

    Parameters
    ----------
    dataset : Dataset
        With `batch(indices)` → (X, y) as arrays, like those of `nndl.dataset`; any other data set
        is read sample by sample.
    batch_size : int
    shuffle : bool
        A new order every epoch.
    drop_last : bool
        Leave out a last batch that is smaller than the others.
    seed : int, optional
        Decides order and augmentation, together with the number of the epoch; drawn from NumPy's
        global generator (which `nndl.seed_everything` sets) if left out.
    augment : callable, optional
        (images float32 [B, C, H, W], numpy Generator) → images, such as
        `nndl.dataset.flip_and_crop`.

    Raises
    ------
    ValueError, TypeError
        When a size is not a positive integer or the data set is empty.

    Examples
    --------
    >>> from nndl.dataset import MNISTDataset
    >>> from nndl.dataset import BatchLoader
    >>> loader = BatchLoader(MNISTDataset("dev"), batch_size=64)
    >>> len(loader), [len(y) for X, y in loader]
    (4, [64, 64, 64, 8])
    """

    def __init__(
        self, dataset, batch_size=64, shuffle=False, drop_last=False, seed=None, augment=None
    ):
        if not _is_integer(batch_size):
            raise TypeError(f"batch_size must be an integer, got {type(batch_size).__name__}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                "BatchLoader expects a data set with __getitem__ and __len__, got "
                f"{type(dataset).__name__}"
            )
        if not len(dataset):
            raise ValueError("BatchLoader expects a data set with at least one sample, got none")
        if augment is not None and not callable(augment):
            raise TypeError(f"augment must be callable, got {type(augment).__name__}")
        if seed is not None and not _is_integer(seed):
            raise TypeError(f"seed must be an integer or None, got {type(seed).__name__}")
        if seed is not None and seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        if seed is None:
            seed = int(np.random.randint(2**31))  # noqa: NPY002  the generator that users seed
        self.dataset, self.batch_size = dataset, int(batch_size)
        self.shuffle, self.drop_last, self.augment = shuffle, drop_last, augment
        self.seed, self.epoch, self.position, self._start = int(seed), 0, 0, 0

    def __len__(self):
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __iter__(self):
        """Batches of one epoch, or those that are left of it after `load_state_dict`."""
        # Only a restored place counts: after `next(iter(loader))` an epoch is whole again.
        epoch, start, self._start = self.epoch, self._start, 0
        for number in range(start, len(self)):
            # Set before the batch is handed out: whoever saves while working on it goes on after.
            self.epoch, self.position = epoch, number + 1
            yield self.batch(epoch, number)
        self.epoch, self.position = epoch + 1, 0

    def batch(self, epoch, number):
        """Batch `number` of an epoch, whatever was iterated before.

        Parameters
        ----------
        epoch, number : int
            From 0.

        Returns
        -------
        X : Tensor [B, C, H, W], float32
        y : Tensor [B], int64
        """
        X, y = self._gather(self.indices(epoch, number))
        if self.augment is not None:
            X = self.augment(X, np.random.default_rng([self.seed, epoch, number]))
        return paddle.to_tensor(X), paddle.to_tensor(y)

    def indices(self, epoch, number):
        """Positions in the data set of the samples of one batch, ndarray [B]."""
        start = number * self.batch_size
        return self._order(epoch)[start : start + self.batch_size]

    def _order(self, epoch):
        if not self.shuffle:
            return np.arange(len(self.dataset))
        if getattr(self, "_ordered", None) != epoch:
            generator = np.random.default_rng([self.seed, epoch])
            self._shuffled, self._ordered = generator.permutation(len(self.dataset)), epoch
        return self._shuffled

    def _gather(self, indices):
        if hasattr(self.dataset, "batch"):
            return self.dataset.batch(indices)
        samples = [self.dataset[int(i)] for i in indices]
        return np.stack([X for X, _ in samples]), np.array([y for _, y in samples])

    def state_dict(self):
        """Seed and place: enough to go on with the very next batch.

        Returns
        -------
        dict of str to int
        """
        return {"seed": self.seed, "epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go to where `state_dict` was taken.

        Parameters
        ----------
        state : dict

        Raises
        ------
        ValueError
            The place does not exist in this loader.
        """
        if not isinstance(state, dict) or set(state) != {"seed", "epoch", "position"}:
            raise ValueError(f"expected the keys seed, epoch and position, got {state!r}")
        if not all(_is_integer(value) and value >= 0 for value in state.values()):
            raise ValueError(f"expected integers from 0 on, got {state!r}")
        if state["position"] > len(self):
            raise ValueError(
                f"expected a position up to {len(self)}, the number of batches, got "
                f"{state['position']}: was it saved with another batch_size or data set?"
            )
        self.seed, self.epoch, self.position = state["seed"], state["epoch"], state["position"]
        self._start = self.position
        self._ordered = None
