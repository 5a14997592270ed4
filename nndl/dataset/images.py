"""A Dataset of images and labels in memory, prepared batch by batch."""

import functools
import itertools

import numpy as np
import paddle

from .transforms import Compose, vectorised


class ImageDataset(paddle.io.Dataset):
    """Images and labels in memory, one by one or in batches.

    Parameters
    ----------
    images : ndarray [B, M, N] or [B, D, M, N], uint8
    labels : ndarray [B], int
    transforms : callable
        From images to float32 [..., D, M, N]. Those of `nndl.dataset`, and `Compose`, `Resize`
        and `Normalize` of `paddle.vision`, run on whole batches, and what they do to the bytes
        (a resize) happens once; any other is called image by image with a PIL image, and may
        change the number of channels; [M, N, 1, 3 or 4] is brought to [D, M, N].
    classes : sequence of str
        Names of the labels.
    mode : str
        What the images are for; kept for the reader.

    Attributes
    ----------
    images, labels, classes, mode, transforms
        As given; images [B, D, M, N], labels int64.
    """

    def __init__(self, images, labels, transforms, classes, mode="train"):
        super().__init__()
        images, labels = np.asarray(images), np.asarray(labels)
        if images.ndim == 3:
            images = images[:, None]
        if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
            raise ValueError(
                "expected images as uint8 [B, M, N] or [B, D, M, N] with B ≥ 1, got "
                f"{images.dtype} {list(images.shape)}"
            )
        if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
            raise ValueError(
                f"expected {len(images)} integer labels, one an image, got {labels.dtype} "
                f"{list(labels.shape)}"
            )
        if labels.min() < 0 or labels.max() >= len(classes):
            raise ValueError(
                f"expected labels from 0 to {len(classes) - 1}, got {labels.min()} to "
                f"{labels.max()}"
            )
        if not callable(transforms):
            raise TypeError(f"transforms must be callable, got {type(transforms).__name__}")
        self.images, self.labels = images, labels.astype(np.int64)
        self.transforms, self.classes, self.mode = transforms, tuple(classes), mode
        self._once = self._per_batch = None
        if whole := vectorised(transforms):
            parts = whole.transforms
            once = list(itertools.takewhile(lambda part: part.keeps_uint8, parts))
            self._once, self._per_batch = Compose(once), Compose(parts[len(once) :])

    @functools.cached_property
    def _prepared(self):
        """The images after everything that is the same in every epoch, still one byte a pixel."""
        return self._once(self.images)

    def __getitem__(self, index):
        """One sample: (image float32 [D, M, N], label int64); −1 is the last one."""
        if isinstance(index, np.ndarray) and not index.ndim:
            index = index[()]
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
            raise TypeError(
                f"a sample is chosen by one integer, got {index!r}; batch(range(...)) takes several"
            )
        X, y = self.batch([index])
        return X[0], y[0]

    def __len__(self):
        return len(self.labels)

    def batch(self, indices):
        """Several samples at once, which costs little more than one.

        Parameters
        ----------
        indices : sequence of int
            At least one; −1 is the last sample.

        Returns
        -------
        X : ndarray [B, D, M, N], float32
        y : ndarray [B], int64

        Raises
        ------
        IndexError
            An index is outside the data set.
        TypeError
            These are not integers in a row.
        """
        indices = np.asarray(indices)
        if indices.ndim != 1 or not len(indices) or indices.dtype.kind not in "iu":
            raise TypeError(
                f"batch expects a sequence of integers, got {indices.dtype} {list(indices.shape)}"
            )
        if indices.min() < -len(self) or indices.max() >= len(self):
            raise IndexError(
                f"expected indices from 0 to {len(self) - 1}, got {indices.min()} to "
                f"{indices.max()}"
            )
        if self._per_batch is None:
            results = [self._one_by_one(self.images[i]) for i in indices]
            if len(shapes := {result.shape for result in results}) > 1:
                raise ValueError(
                    f"transforms must give every image one shape, got {sorted(map(list, shapes))}: "
                    "end with a Resize((height, width)) or a crop"
                )
            X = np.stack(results)
        else:
            X = self._per_batch(self._prepared[indices])
        return np.ascontiguousarray(X, np.float32), self.labels[indices]

    def _one_by_one(self, image):
        from PIL import Image

        picture = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        result = np.asarray(self.transforms(Image.fromarray(picture)), np.float32)
        if result.ndim == 2:
            return result[None]
        if result.ndim != 3 or 0 in result.shape:
            raise ValueError(
                f"transforms must return one image [D, M, N] or [M, N], got {list(result.shape)}"
            )
        # A transform may change the channels; those of Paddle that leave them last say so.
        channels_last = result.shape[-1] in (1, 3, 4) and result.shape[0] not in (1, 3, 4)
        return np.moveaxis(result, -1, 0) if channels_last else result
