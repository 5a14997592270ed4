"""MNIST and CIFAR-10: where the files are, how they are read and split, and the Dataset classes."""

import contextlib
import functools
import itertools
import json
import os
from pathlib import Path

import numpy as np
import paddle

from . import fileformat
from .transforms import Compose, Normalize, Resize, vectorised

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
MNIST_CLASSES = tuple("0123456789")

#: in units of the pixels, 0 to 255; CIFAR-10's are those of its 50,000 training images
MNIST_MEAN, MNIST_STD = 127.5, 127.5
CIFAR10_MEAN = tuple(255 * part for part in (0.4914, 0.4822, 0.4465))
CIFAR10_STD = tuple(255 * part for part in (0.2470, 0.2435, 0.2616))

MINI_COUNTS = {"train": 5000, "dev": 1000, "test": 1000}
_MINI_COLUMNS = 50
#: sha256 of the decoded pixels uint8 [N, 3, 32, 32]
MINI_SHA256 = {
    "train": "6ad228f4abf1c9334cfde3111dd2cf54fdb92845c6641dde15523807850e9491",
    "dev": "f891198a9c423a358ac2bc3a350e6642c5ab409f46c8ce29a3137bb7cc57e10f",
    "test": "c7a0ff14cc4bbf93a2ec1eafee5c680db49c6a9e91797f5c5df2e628f0a2cfe0",
}
#: sha256 of the labels uint8 [N]
MINI_LABELS_SHA256 = {
    "train": "82b397643bd8851eecd4bf04f74438bf4aeeb7d1f9074791252a04fd9277c0f3",
    "dev": "c582d0ade6298d4374d41aa0b043b4278a389c89f5a9972e61eb3d80469fc221",
    "test": "bf5fd7ab55257c7eeece32a36d229c4767d2479b59c8d506b7e35494f9cbf574",
}
_REMEDY = "restore data/ from the project's repository"
_FETCH = {name: f"python -m nndl.download {name}" for name in ("mnist", "cifar10")}


# ------------------------------------------------------------------------------ where files are


def data_folder():
    """The folder with the embedded data.

    Returns
    -------
    Path
        The folder named by the environment variable NNDL_DATA, else `data/` inside the installed
        package, else `data/` beside the package.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    package = Path(__file__).resolve().parent
    named = os.environ.get("NNDL_DATA")
    candidates = [Path(named)] if named else [package / "data", package.parent / "data"]
    for folder in candidates:
        if (folder / "checksums.json").is_file():
            return folder
    raise FileNotFoundError(
        f"expected the embedded data in {' or '.join(map(str, candidates))}, found no "
        "checksums.json there. Remedy: set NNDL_DATA to the project's data folder."
    )


def cache_folder():
    """The folder of downloaded sets: NNDL_CACHE, else ~/.cache/nndl. It need not exist."""
    return Path(os.environ.get("NNDL_CACHE") or Path.home() / ".cache" / "nndl")


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
        f"{_FETCH['mnist']}."
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
    _one_of("split", split, ("train", "test"))
    return _mnist(split)


@functools.cache
def _mnist(split):
    prefix = {"train": "train", "test": "t10k"}[split]
    images, labels = (
        _mnist_file(name) for name in (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    )
    return images, _frozen(labels.astype(np.int64))


def _mnist_file(name):
    path = find_mnist_file(name)
    fetched = path.parent == cache_folder() / "mnist"
    remedy = _FETCH["mnist"] if fetched else f"{_REMEDY}, or remove {path} and {_FETCH['mnist']}"
    return fileformat.read_idx(path, fileformat.MNIST_SHA256[name], remedy)


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


def load_cifar10(mode="train", subset="mini"):
    """CIFAR-10, a part of it or all of it.

    Parameters
    ----------
    mode : 'train', 'dev' or 'test'
    subset : 'mini' or 'full'
        'mini' lies in data/: 5,000 / 1,000 / 1,000 images, as many of each class. 'full' is the
        book's split of the whole set: 40,000 (batches 1 to 4) / 10,000 (batch 5) / 10,000; fetch
        it once with `python -m nndl.download cifar10`.

    Returns
    -------
    images : ndarray [N, 3, 32, 32], uint8
        Red, green, blue.
    labels : ndarray [N], int64
        Positions in `CIFAR10_CLASSES`.

    Raises
    ------
    ValueError, FileNotFoundError
        When a file is missing, damaged or altered.

    References
    ----------
    Krizhevsky, *Learning multiple layers of features from tiny images*, 2009.
    """
    _one_of("mode", mode, ("train", "dev", "test"))
    _one_of("subset", subset, ("mini", "full"))
    if subset == "mini":
        return _cifar10_mini(mode)
    images, labels = open_cifar10_cache("test" if mode == "test" else "train")
    part = {"train": slice(0, 40000), "dev": slice(40000, 50000), "test": slice(0, 10000)}[mode]
    return images[part], labels[part]


@functools.cache
def _cifar10_mini(mode):
    folder = data_folder() / "cifar10-mini"
    try:
        text = json.loads((folder / "labels.json").read_text(encoding="utf-8"))[mode]["labels"]
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder / 'labels.json'} is missing: {_REMEDY}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise fileformat.refusal(
            folder / "labels.json", f"it holds no labels ({error})", _REMEDY
        ) from None
    count = MINI_COUNTS[mode]
    if not (isinstance(text, str) and len(text) == count and text.isascii() and text.isdigit()):
        raise fileformat.refusal(
            folder / "labels.json", f"expected {count} digits for {mode}", _REMEDY
        )
    labels = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - ord("0")
    fileformat.check_sha256(
        labels.astype(np.uint8), MINI_LABELS_SHA256[mode], folder / "labels.json", _REMEDY
    )
    images = fileformat.read_mosaic(
        folder / f"{mode}.png", _MINI_COLUMNS, count, MINI_SHA256[mode], remedy=_REMEDY
    )
    return _frozen(images), _frozen(labels)


def open_cifar10_cache(split):
    """The whole training or test set from the cache that `python -m nndl.download` fills.

    Parameters
    ----------
    split : 'train' or 'test'

    Returns
    -------
    images : ndarray [50000 or 10000, 3, 32, 32], uint8
        Memory-mapped: several processes share the pages.
    labels : ndarray [50000 or 10000], int64

    Raises
    ------
    FileNotFoundError
        Nothing was downloaded.
    ValueError
        A file is damaged: its size or its sha256 is not what it should be.

    Notes
    -----
    Each file is read through once in a process, to compare its sha256; that takes some tenths of
    a second.
    """
    _one_of("split", split, ("train", "test"))
    folder = cache_folder() / "cifar10"
    files = {key: folder / f"{split}-{key}.npy" for key in ("images", "labels")}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"expected the whole CIFAR-10 in {folder}, {' and '.join(missing)} missing. Remedy: "
            f"{_FETCH['cifar10']} (once, about 140 to 170 MB), or subset='mini'."
        )
    count = {"train": 50000, "test": 10000}[split]
    shapes = {"images": (count, 3, 32, 32), "labels": (count,)}
    arrays = {
        key: fileformat.open_array(
            path, shapes[key], fileformat.CIFAR10_SHA256[f"{split}-{key}"], _FETCH["cifar10"]
        )
        for key, path in files.items()
    }
    return arrays["images"], _frozen(arrays["labels"].astype(np.int64))


def _frozen(array):
    array.flags.writeable = False
    return array


def _one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


# ----------------------------------------------------------------------------------- datasets


class ImageDataset(paddle.io.Dataset):
    """Images and labels in memory, one by one or in batches.

    Parameters
    ----------
    images : ndarray [N, H, W] or [N, C, H, W], uint8
    labels : ndarray [N], int
    transforms : callable
        From images to float32 [..., C, H, W]. Those of `nndl.transforms`, and `Compose`, `Resize`
        and `Normalize` of `paddle.vision`, run on whole batches, and what they do to the bytes
        (a resize) happens once; any other is called image by image with a PIL image.
    classes : sequence of str
        Names of the labels.
    mode : str
        What the images are for; kept for the reader.

    Attributes
    ----------
    images, labels, classes, mode, transforms
        As given; images [N, C, H, W], labels int64.
    """

    def __init__(self, images, labels, transforms, classes, mode="train"):
        super().__init__()
        images, labels = np.asarray(images), np.asarray(labels)
        if images.ndim == 3:
            images = images[:, None]
        if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
            raise ValueError(
                "expected images as uint8 [N, H, W] or [N, C, H, W] with N ≥ 1, got "
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
        """One sample: (image float32 [C, H, W], label int64); −1 is the last one."""
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
        X : ndarray [B, C, H, W], float32
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
            X = np.stack([self._one_by_one(self.images[i]) for i in indices])
        else:
            X = self._per_batch(self._prepared[indices])
        return np.ascontiguousarray(X, np.float32), self.labels[indices]

    def _one_by_one(self, image):
        from PIL import Image

        picture = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        result = np.asarray(self.transforms(Image.fromarray(picture)), np.float32)
        result = result[None] if result.ndim == 2 else result
        if result.ndim != 3 or len(result) != len(image):
            raise ValueError(
                f"transforms must return [{len(image)}, H, W], got {list(result.shape)}; "
                "paddle.vision.transforms.ToTensor() brings the channels to the front"
            )
        return result


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
        _one_of("split", split, ("book", "full"))
        modes = ("train", "dev", "test", "train+dev")
        _one_of("mode", mode, modes if split == "full" else modes[:3])
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


class CIFAR10Dataset(ImageDataset):
    """Small colour photographs of ten classes, normalised channel by channel.

    Parameters
    ----------
    mode : 'train', 'dev' or 'test'
    subset : 'mini' or 'full'
        See `load_cifar10`.
    transforms : callable, optional
        Instead of subtracting the mean and dividing by the deviation of the training set.

    Examples
    --------
    >>> from nndl.dataset import CIFAR10Dataset
    >>> data = CIFAR10Dataset("test")
    >>> len(data), data[0][0].shape, data.classes[data[0][1]]
    (1000, (3, 32, 32), 'cat')
    """

    def __init__(self, mode="train", subset="mini", transforms=None):
        images, labels = load_cifar10(mode, subset)
        if transforms is None:
            transforms = Normalize(CIFAR10_MEAN, CIFAR10_STD)
        super().__init__(images, labels, transforms, CIFAR10_CLASSES, mode)
