"""Batches of a data set as Paddle tensors, in an order that can be repeated and resumed."""

import itertools

import numpy as np
import paddle
from paddle.io.dataloader.collate import default_collate_fn

from .._arguments import integer


class BatchLoader:
    """Iterate over a data set in batches (X, y).

    A whole batch is gathered and normalised at once, in this process: for data in memory that is
    faster than worker processes, and nothing can hang.

    Parameters
    ----------
    dataset : Dataset
        With `batch(indices)` → (X, y) as arrays, like those of `nndl.dataset`; any other data set
        is read sample by sample, and samples of three parts or dictionaries give such batches, as
        `paddle.io.DataLoader` puts them together. A `paddle.io.IterableDataset` is read in its own
        order, and the loader then has no length.
    batch_size : int
    shuffle : bool
        A new order every epoch.
    drop_last : bool
        Leave out a last batch that is smaller than the others.
    seed : int, optional
        Decides order and augmentation, together with the number of the epoch; drawn from NumPy's
        global generator (which `nndl.seed_everything` sets) if left out.
    augment : callable, optional
        (images float32 [B, D, M, N], numpy Generator) → images, such as
        `nndl.dataset.flip_and_crop`; it varies the first part of a batch.

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
        batch_size = integer("batch_size", batch_size, 1)
        self.streams = isinstance(dataset, paddle.io.IterableDataset)
        if self.streams and shuffle:
            raise ValueError(
                "an IterableDataset has an order of its own: shuffle where it reads, or give "
                "BatchLoader a data set with __getitem__ and __len__"
            )
        if not self.streams:
            if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
                raise TypeError(
                    "BatchLoader expects a data set with __getitem__ and __len__, or a "
                    f"paddle.io.IterableDataset, got {type(dataset).__name__}"
                )
            if not len(dataset):
                raise ValueError(
                    "BatchLoader expects a data set with at least one sample, got none"
                )
        if augment is not None and not callable(augment):
            raise TypeError(f"augment must be callable, got {type(augment).__name__}")
        if seed is None:
            seed = int(np.random.randint(2**31))  # noqa: NPY002  the generator that users seed
        seed = integer("seed", seed, 0)
        self.dataset, self.batch_size = dataset, batch_size
        self.shuffle, self.drop_last, self.augment = shuffle, drop_last, augment
        self.seed, self.epoch, self.position, self.start = seed, 0, 0, 0

    def __len__(self):
        if self.streams:
            raise TypeError("a BatchLoader of an IterableDataset has no length")
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __call__(self):
        """An iterator over one epoch, as `next(loader())` in the book asks for it."""
        return iter(self)

    def __iter__(self):
        """Batches of one epoch, or those that are left of it after `load_state_dict`."""
        # Only a restored place counts: after `next(iter(loader))` an epoch is whole again.
        epoch, start, self.start = self.epoch, self.start, 0
        batches = (
            self._stream(epoch, start)
            if self.streams
            else (self.batch(epoch, number) for number in range(start, len(self)))
        )
        for number, batch in enumerate(batches, start):
            # Set before the batch is handed out: whoever saves while working on it goes on after.
            self.epoch, self.position = epoch, number + 1
            yield batch
        self.epoch, self.position = epoch + 1, 0

    def batch(self, epoch, number):
        """Batch `number` of an epoch, whatever was iterated before.

        Parameters
        ----------
        epoch, number : int
            From 0.

        Returns
        -------
        X : Tensor [B, D, M, N], float32
        y : Tensor [B], int64
            Or what else the data set's samples consist of.
        """
        return self._finish(self._gather(self.indices(epoch, number)), epoch, number)

    def _stream(self, epoch, start):
        samples = itertools.islice(iter(self.dataset), start * self.batch_size, None)
        for number in itertools.count(start):
            batch = list(itertools.islice(samples, self.batch_size))
            if not batch or (self.drop_last and len(batch) < self.batch_size):
                return
            yield self._finish(_together(batch), epoch, number)

    def _finish(self, batch, epoch, number):
        """Vary a batch and turn its arrays into tensors."""
        if self.augment is not None:
            if not isinstance(batch, (tuple, list)):
                raise TypeError(
                    "augment varies the first part of samples (X, y, …); samples of this data "
                    f"set are {type(batch).__name__}s: vary them in the data set"
                )
            X = self.augment(batch[0], np.random.default_rng([self.seed, epoch, number]))
            batch = (X, *batch[1:])
        return _tensors(batch)

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
        return _together([self.dataset[int(i)] for i in indices])

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
        try:
            for name, value in state.items():
                integer(name, value, 0)
        except (TypeError, ValueError):
            raise ValueError(f"expected integers from 0 on, got {state!r}") from None
        if not self.streams and state["position"] > len(self):
            raise ValueError(
                f"expected a position up to {len(self)}, the number of batches, got "
                f"{state['position']}: was it saved with another batch_size or data set?"
            )
        self.seed, self.epoch, self.position = state["seed"], state["epoch"], state["position"]
        self.start = self.position
        self._ordered = None


def _together(samples):
    """Samples as one batch of arrays, part by part."""
    try:
        batch = default_collate_fn(samples)
    except (TypeError, ValueError, RuntimeError, LookupError) as error:
        raise ValueError(
            f"the samples of a batch must be alike, but {error}: bring images to one size, and "
            "give every sample the same parts"
        ) from None
    return tuple(batch) if isinstance(batch, list) else batch


def _tensors(batch):
    if isinstance(batch, np.ndarray):
        return paddle.to_tensor(batch)
    if isinstance(batch, dict):
        return {key: _tensors(value) for key, value in batch.items()}
    return tuple(map(_tensors, batch)) if isinstance(batch, (tuple, list)) else batch
