"""MNIST: the four files that lie in data/, the book's split, Datasets."""

import contextlib
import functools

import numpy as np

from .files import formats
from .folders import FETCH, REMEDY, cache_folder, data_folder, frozen, one_of
from .images import ImageDataset
from .transforms import Compose, Normalize, Resize

MNIST_CLASSES = tuple("0123456789")

#: in units of the pixels, 0 to 255; CIFAR-10's are those of its 50,000 training images
MNIST_MEAN, MNIST_STD = 127.5, 127.5


def find_mnist_file(name):
    """Path of one of the four official MNIST files: embedded, else downloaded."""
    folders = [cache_folder() / "mnist"]
    with contextlib.suppress(FileNotFoundError):  # without its data, what was downloaded will do
        folders.insert(0, data_folder() / "mnist")
    for folder in folders:
        if (folder / f"{name}.gz").is_file():
            return folder / f"{name}.gz"
    raise FileNotFoundError(
        f"expected MNIST in {' or '.join(map(str, folders))}, found no {name}.gz. Remedy: "
        f"{FETCH['mnist']}."
    )


# ------------------------------------------------------------------------------------ reading


def load_mnist(split="train"):
    """MNIST as published.

    Parameters
    ----------
    split : 'train' or 'test'
        60,000 or 10,000 digits.

    Returns
    -------
    images : ndarray [N, 28, 28], uint8
        0 is paper, 255 ink.
    labels : ndarray [N], int64
        Both read-only and shared between calls.

    Raises
    ------
    ValueError, FileNotFoundError
        When a file is missing, damaged or altered.

    References
    ----------
    LeCun et al., *Gradient-based learning applied to document recognition*, 1998.

    Examples
    --------
    >>> from nndl.dataset import load_mnist
    >>> images, labels = load_mnist("test")
    >>> images.shape, labels[:5].tolist()
    ((10000, 28, 28), [7, 2, 1, 0, 4])
    """
    one_of("split", split, ("train", "test"))
    return _mnist(split)


@functools.cache
def _mnist(split):
    prefix = {"train": "train", "test": "t10k"}[split]
    images, labels = (
        _mnist_file(name) for name in (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    )
    return images, frozen(labels.astype(np.int64))


def _mnist_file(name):
    path = find_mnist_file(name)
    fetched = path.parent == cache_folder() / "mnist"
    remedy = FETCH["mnist"] if fetched else f"{REMEDY}, or remove {path} and {FETCH['mnist']}"
    return formats.read_idx(path, formats.MNIST_SHA256[name], remedy)


def load_mnist_book():
    """The small split of the book: 1,000 digits to train, 200 to develop, 200 to test.

    Every split has the same number of each digit: the first ones of their class, in official
    order, training and dev images from the official training set, test images from the test set.

    Returns
    -------
    dict of str to (images uint8 [N, 28, 28], labels int64 [N])
        Keys 'train', 'dev', 'test'.

    References
    ----------
    The book, section 5.3.1.
    """
    (images, labels), (test_images, test_labels) = _mnist("train"), _mnist("test")
    first = _first_of_each_class(labels, 120)
    rank = np.arange(len(first)) % 120  # place within its class
    chosen = {"train": first[rank < 100], "dev": first[rank >= 100]}
    parts = {mode: (images, labels, np.sort(index)) for mode, index in chosen.items()}
    test = np.sort(_first_of_each_class(test_labels, 20))
    parts["test"] = (test_images, test_labels, test)
    return {mode: (x[index], y[index]) for mode, (x, y, index) in parts.items()}


def _first_of_each_class(labels, count):
    return np.concatenate([np.flatnonzero(labels == k)[:count] for k in range(10)])


class MNISTDataset(ImageDataset):
    """Handwritten digits, resized and normalised to [−1, 1].

    Parameters
    ----------
    mode : 'train', 'dev', 'test' or 'train+dev'
    split : 'book' or 'full'
        'book': 1,000 / 200 / 200. 'full': the official 60,000 as 55,000 for training and the last
        5,000 for development ('train+dev' takes all of them), and the 10,000 test digits.
    size : int
        Height and width of the images in pixels; 28 leaves them as they are.
    transforms : callable, optional
        Instead of resizing to `size` and normalising with (x − 127.5) / 127.5.

    Examples
    --------
    >>> from nndl.dataset import MNISTDataset
    >>> image, label = MNISTDataset("test")[0]
    >>> image.shape, int(label)
    ((1, 32, 32), 7)
    """

    def __init__(self, mode="train", split="book", size=32, transforms=None):
        one_of("split", split, ("book", "full"))
        modes = ("train", "dev", "test", "train+dev")
        one_of("mode", mode, modes if split == "full" else modes[:3])
        if split == "book":
            images, labels = load_mnist_book()[mode]
        else:
            images, labels = load_mnist("test" if mode == "test" else "train")
            part = {"train": slice(0, 55000), "dev": slice(55000, 60000)}.get(mode, slice(None))
            images, labels = images[part], labels[part]
        if transforms is None:
            transforms = Compose([Resize(size), Normalize(MNIST_MEAN, MNIST_STD)])
        super().__init__(images, labels, transforms, MNIST_CLASSES, mode)


class MNIST_dataset(ImageDataset):
    """The book's data set class: samples of a given pair (images, labels).

    Parameters
    ----------
    dataset : pair of sequences
        Images with 784 pixels from 0 to 255 each (any shape), and as many labels.
    transforms : callable, optional
        As for `ImageDataset`.
    mode : str
    """

    def __init__(self, dataset, transforms=None, mode="train"):
        try:
            images, labels = dataset
            pixels, labels = np.asarray(images), np.asarray(labels)
        except (TypeError, ValueError):
            raise ValueError(
                "MNIST_dataset expects dataset=(images, labels), one label an image, got "
                f"{type(dataset).__name__}; MNISTDataset(mode='train') reads the embedded digits"
            ) from None
        count = len(pixels) if pixels.ndim else 0
        if not count or pixels.size != 784 * count or pixels.dtype.kind not in "iuf":
            raise ValueError(
                f"MNIST_dataset expects images of 784 numbers each, got {pixels.dtype} "
                f"{list(pixels.shape)}"
            )
        if not (pixels.min() >= 0 and pixels.max() <= 255) or (pixels % 1).any():
            raise ValueError(
                "MNIST_dataset expects whole pixel values from 0 to 255, got "
                f"{pixels.min()} to {pixels.max()}; normalise with transforms instead"
            )
        pixels = pixels.reshape(-1, 28, 28).astype(np.uint8)
        if transforms is None:
            transforms = Compose([Resize(32), Normalize(MNIST_MEAN, MNIST_STD)])
        super().__init__(pixels, labels, transforms, MNIST_CLASSES, mode)
