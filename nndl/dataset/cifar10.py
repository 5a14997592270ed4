"""CIFAR-10: the part that lies in data/, the whole from the cache, a Dataset."""

import functools
import json

import numpy as np

from .files import formats
from .folders import FETCH, REMEDY, cache_folder, data_folder, frozen, one_of
from .images import ImageDataset
from .transforms import Normalize

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR10_MEAN = tuple(255 * part for part in (0.4914, 0.4822, 0.4465))
CIFAR10_STD = tuple(255 * part for part in (0.2470, 0.2435, 0.2616))

MINI_COUNTS = {"train": 5000, "dev": 1000, "test": 1000}
_MINI_COLUMNS = 50
#: sha256 of the decoded pixels uint8 [B, 3, 32, 32]
MINI_SHA256 = {
    "train": "6ad228f4abf1c9334cfde3111dd2cf54fdb92845c6641dde15523807850e9491",
    "dev": "f891198a9c423a358ac2bc3a350e6642c5ab409f46c8ce29a3137bb7cc57e10f",
    "test": "c7a0ff14cc4bbf93a2ec1eafee5c680db49c6a9e91797f5c5df2e628f0a2cfe0",
}
#: sha256 of the labels uint8 [B]
MINI_LABELS_SHA256 = {
    "train": "82b397643bd8851eecd4bf04f74438bf4aeeb7d1f9074791252a04fd9277c0f3",
    "dev": "c582d0ade6298d4374d41aa0b043b4278a389c89f5a9972e61eb3d80469fc221",
    "test": "bf5fd7ab55257c7eeece32a36d229c4767d2479b59c8d506b7e35494f9cbf574",
}


def load_cifar10(mode="train", subset="mini"):
    """CIFAR-10, a part of it or all of it.

    Parameters
    ----------
    mode : 'train', 'dev' or 'test'
    subset : 'mini', 'full' or 'paper'
        'mini' lies in data/: 5,000 / 1,000 / 1,000 images, as many of each class. 'full' is the
        book's split of the whole set: 40,000 (batches 1 to 4) / 10,000 (batch 5) / 10,000, and
        'paper' that of He et al., section 4.2: 45,000 / 5,000 (the end of batch 5) / 10,000;
        fetch the set once with `python -m nndl.download cifar10`.

    Returns
    -------
    images : ndarray [B, 3, 32, 32], uint8
        Red, green, blue.
    labels : ndarray [B], int64
        Positions in `CIFAR10_CLASSES`.

    Raises
    ------
    ValueError, FileNotFoundError
        When a file is missing, damaged or altered.

    References
    ----------
    Krizhevsky, *Learning multiple layers of features from tiny images*, 2009.
    He et al., *Deep residual learning for image recognition*, 2015.
    """
    one_of("mode", mode, ("train", "dev", "test"))
    one_of("subset", subset, ("mini", "full", "paper"))
    if subset == "mini":
        return _cifar10_mini(mode)
    images, labels = open_cifar10_cache("test" if mode == "test" else "train")
    end = 40000 if subset == "full" else 45000
    part = {"train": slice(0, end), "dev": slice(end, 50000), "test": slice(0, 10000)}[mode]
    return images[part], labels[part]


@functools.cache
def _cifar10_mini(mode):
    folder = data_folder() / "cifar10-mini"
    try:
        text = json.loads((folder / "labels.json").read_text(encoding="utf-8"))[mode]["labels"]
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder / 'labels.json'} is missing: {REMEDY}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise formats.refusal(
            folder / "labels.json", f"it holds no labels ({error})", REMEDY
        ) from None
    count = MINI_COUNTS[mode]
    if not (isinstance(text, str) and len(text) == count and text.isascii() and text.isdigit()):
        raise formats.refusal(folder / "labels.json", f"expected {count} digits for {mode}", REMEDY)
    labels = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - ord("0")
    formats.check_sha256(
        labels.astype(np.uint8), MINI_LABELS_SHA256[mode], folder / "labels.json", REMEDY
    )
    images = formats.read_mosaic(
        folder / f"{mode}.png", _MINI_COLUMNS, count, MINI_SHA256[mode], remedy=REMEDY
    )
    return frozen(images), frozen(labels)


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
    one_of("split", split, ("train", "test"))
    folder = cache_folder() / "cifar10"
    files = {key: folder / f"{split}-{key}.npy" for key in ("images", "labels")}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"expected the whole CIFAR-10 in {folder}, {' and '.join(missing)} missing. Remedy: "
            f"{FETCH['cifar10']} (once, about 140 to 170 MB), or subset='mini'."
        )
    count = {"train": 50000, "test": 10000}[split]
    shapes = {"images": (count, 3, 32, 32), "labels": (count,)}
    arrays = {
        key: formats.open_array(
            path, shapes[key], formats.CIFAR10_SHA256[f"{split}-{key}"], FETCH["cifar10"]
        )
        for key, path in files.items()
    }
    return arrays["images"], frozen(arrays["labels"].astype(np.int64))


class CIFAR10Dataset(ImageDataset):
    """Small colour photographs of ten classes, normalised channel by channel.

    Parameters
    ----------
    mode : 'train', 'dev' or 'test'
    subset : 'mini', 'full' or 'paper'
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
