"""MNIST: the four files that lie in data/, the book's split, and sets of the same form."""

import contextlib
import functools
import json
import os
from pathlib import Path

import numpy as np

from .files import formats
from .folders import FETCH, REMEDY, cache_folder, data_folder, frozen, one_of
from .images import ImageDataset
from .transforms import Compose, Normalize, Resize

MNIST_CLASSES = tuple("0123456789")
FASHION_MNIST_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_UPPER = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
#: classes of EMNIST's six sets, by the second word of their files' names
EMNIST_CLASSES = {
    **dict.fromkeys(("mnist", "digits"), MNIST_CLASSES),
    "letters": _UPPER,
    **dict.fromkeys(("balanced", "bymerge"), (*MNIST_CLASSES, *_UPPER, *"abdefghnqrt")),
    "byclass": (*MNIST_CLASSES, *_UPPER, *"abcdefghijklmnopqrstuvwxyz"),
}

#: in units of the pixels, 0 to 255; CIFAR-10's are those of its 50,000 training images
MNIST_MEAN, MNIST_STD = 127.5, 127.5


def find_mnist_file(name):
    """Path of one of the four official MNIST files: embedded, else downloaded."""
    folders = [cache_folder() / "mnist"]
    with contextlib.suppress(FileNotFoundError):  # without its data, what was downloaded will do
        folders.insert(0, data_folder() / "mnist")
    for folder in folders:
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                return path
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
    images : ndarray [B, 28, 28], uint8
        0 is paper, 255 ink.
    labels : ndarray [B], int64
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


def load_idx(folder, split="train", classes=None):
    """Images and labels of a set that is published in MNIST's form: Fashion-MNIST, EMNIST, ….

    Parameters
    ----------
    folder : str or Path
        With the four IDX files, raw or gzipped, under their usual names (`train-images-idx3-ubyte`,
        `t10k-…`; EMNIST's `emnist-letters-train-images-idx3-ubyte.gz`, `…-test-…`).
    split : 'train' or 'test'
    classes : sequence of str, optional
        Names of the labels; by default EMNIST's by the files' names, else the numbers.

    Returns
    -------
    images : ndarray [B, M, N], uint8
        EMNIST's, which are stored by columns, are turned upright.
    labels : ndarray [B], int64
        From 0; those that are counted from 1 (EMNIST's letters) lowered by 1.
    classes : tuple of str

    Raises
    ------
    FileNotFoundError, ValueError
        Files are missing, there are several sets, a file is damaged, or labels and classes differ.

    References
    ----------
    Xiao et al., *Fashion-MNIST*, 2017; Cohen et al., *EMNIST: an extension of MNIST to handwritten
    letters*, 2017.
    """
    one_of("split", split, ("train", "test"))
    folder, paths = Path(folder), []
    for kind in ("images", "labels"):
        names = ("t10k", "test") if split == "test" else ("train",)
        found = sorted(
            path
            for path in (folder.iterdir() if folder.is_dir() else ())
            if kind in path.name and "ubyte" in path.name and path.name.count("train-") < 2
            if any(f"-{name}-" in f"-{path.name}" for name in names) and path.is_file()
        )
        unlike = {path.name.removesuffix(".gz") for path in found}
        if len(unlike) != 1:
            raise FileNotFoundError(
                f"expected one IDX file of the {split} {kind} in {folder}, such as {names[0]}-"
                f"{kind}-idx{3 if kind == 'images' else 1}-ubyte[.gz], found "
                f"{', '.join(sorted(unlike)) or 'none'}: keep each set in a folder of its own"
            )
        paths.append(found[0])
    images, labels = (formats.read_idx(path) for path in paths)
    labels = labels.astype(np.int64)
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != (len(images),):
        raise formats.refusal(
            paths[0],
            f"expected uint8 [B, M, N] and B labels, got {images.dtype} {list(images.shape)} and "
            f"{list(labels.shape)}",
        )
    emnist = paths[0].name.split("-")[:2]
    if emnist[0] == "emnist":
        images = images.transpose(0, 2, 1)
        classes = classes or EMNIST_CLASSES.get(emnist[1])
    low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    if classes is not None and low == 1 and high == len(classes):
        labels, high = labels - 1, high - 1
    classes = tuple(classes or map(str, range(high + 1)))
    if low < 0 or high >= len(classes):
        raise ValueError(
            f"expected labels from 0 to {len(classes) - 1} for {len(classes)} classes, got {low} "
            f"to {high} in {paths[1].name}"
        )
    return images, labels, classes


def load_mnist_book():
    """The small split of the book: 1,000 digits to train, 200 to develop, 200 to test.

    Every split has the same number of each digit: the first ones of their class, in official
    order, training and dev images from the official training set, test images from the test set.

    Returns
    -------
    dict of str to (images uint8 [B, 28, 28], labels int64 [B])
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
    folder : str or Path, optional
        Another set in MNIST's form, see `load_idx`; it is split as 'full', with the last twelfth
        of its training images for development.
    classes : sequence of str, optional
        Names of the labels, such as `FASHION_MNIST_CLASSES`.

    Examples
    --------
    >>> from nndl.dataset import MNISTDataset
    >>> image, label = MNISTDataset("test")[0]
    >>> image.shape, int(label)
    ((1, 32, 32), 7)
    """

    def __init__(
        self, mode="train", split="book", size=32, transforms=None, folder=None, classes=None
    ):
        one_of("split", split, ("book", "full"))
        modes = ("train", "dev", "test", "train+dev")
        one_of("mode", mode, modes[:3] if split == "book" and folder is None else modes)
        part = "test" if mode == "test" else "train"
        if folder is not None:
            images, labels, classes = load_idx(folder, part, classes)
        elif split == "book":
            images, labels = load_mnist_book()[mode]
        else:
            images, labels = load_mnist(part)
        if (split == "full" or folder is not None) and mode in ("train", "dev"):
            cut = len(labels) - len(labels) // 12
            half = slice(cut) if mode == "train" else slice(cut, None)
            images, labels = images[half], labels[half]
        if transforms is None:
            transforms = Compose([Resize(size), Normalize(MNIST_MEAN, MNIST_STD)])
        super().__init__(images, labels, transforms, classes or MNIST_CLASSES, mode)


class MNIST_dataset(ImageDataset):
    """The book's data set class: samples of a given pair (images, labels).

    Parameters
    ----------
    dataset : pair of sequences, str or Path
        Images with 784 pixels each (any shape), and as many labels; or the name of the book's
        `mnist.json.gz`, of whose three pairs `mode` takes one. Pixels are bytes 0 to 255, as
        integers or floats (their fractions fall away, as in the book), or fractions 0 to 1 or
        −1 to 1.
    transforms : callable, optional
        As for `ImageDataset`.
    mode : 'train', 'dev' (or 'valid') or 'test'
    """

    def __init__(self, dataset, transforms=None, mode="train"):
        if isinstance(dataset, (str, os.PathLike)):
            one_of("mode", mode, ("train", "dev", "valid", "test"))
            dataset = _book_sets(Path(dataset))[mode]
        try:
            images, labels = dataset
            pixels, labels = np.asarray(images), np.asarray(labels)
        except (TypeError, ValueError):
            raise ValueError(
                "MNIST_dataset expects dataset=(images, labels), one label an image, got "
                f"{type(dataset).__name__}; MNISTDataset(mode='train') reads the embedded digits"
            ) from None
        count = len(pixels) if pixels.ndim else 0
        if not count or pixels.size != 784 * count or pixels.dtype.kind not in "biuf":
            raise ValueError(
                f"MNIST_dataset expects images of 784 numbers each, got {pixels.dtype} "
                f"{list(pixels.shape)}"
            )
        low, high = pixels.min(), pixels.max()
        if pixels.dtype.kind == "f" and low >= -1 and high <= 1:
            pixels = np.round((pixels + (low < 0)) * (127.5 if low < 0 else 255))
        elif not (low >= 0 and high < 256):
            raise ValueError(
                "MNIST_dataset expects pixels from 0 to 255 (or 0 to 1, or −1 to 1), got "
                f"{low} to {high}; normalise with transforms instead"
            )
        if labels.dtype.kind == "f" and not (labels % 1).any():
            labels = labels.astype(np.int64)
        pixels = pixels.reshape(-1, 28, 28).astype(np.uint8)
        if transforms is None:
            transforms = Compose([Resize(32), Normalize(MNIST_MEAN, MNIST_STD)])
        super().__init__(pixels, labels, transforms, MNIST_CLASSES, mode)


def _book_sets(path):
    """The three pairs of the book's file, by mode."""
    if not path.is_file():
        raise FileNotFoundError(
            "MNIST_dataset expects a pair (images, labels) or the name of the book's mnist.json.gz,"
            f" got {str(path)!r}, which is no file; MNISTDataset(mode='train') needs none"
        )
    try:
        train, dev, test = json.loads(formats.read_raw(path))
    except (ValueError, TypeError) as error:
        raise formats.refusal(
            path, f"the book's file is JSON of three pairs (images, labels), this one not ({error})"
        ) from None
    return {"train": train, "dev": dev, "valid": dev, "test": test}
