"""Folders of one's own images, one sub-folder a class."""

import numpy as np
from PIL import Image, ImageOps

from .._arguments import pair, path_of
from .folders import one_of
from .images import ImageDataset
from .own_image import load_image
from .transforms import Normalize

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_MODES = {"train": ("train", "training"), "dev": ("dev", "val", "valid", "validation"),
          "test": ("test", "testing")}  # fmt: skip


class ImageFolder(ImageDataset):
    """Images from a folder with one sub-folder a class, cut square, resized, and split.

    Parameters
    ----------
    folder : str or Path
        `cats/1.jpg`, `cats/2.png`, `dogs/…`; or the same below `train`, `dev` (or `val`) and
        `test`, which are then the splits.
    mode : 'train', 'dev' or 'test'
    size : int or pair of int
        Height and width in pixels: the middle of each image in this aspect ratio is resized.
    split : sequence of 3 float
        Parts of each class for training, development and test.
    transforms : callable, optional
        As for `ImageDataset`; by default each channel's mean is subtracted and divided by its
        deviation (`mean` and `std`, of the training images).
    channels : 3 or 1
        Colour or grey.
    seed : int
        Decides which images go to which part, whatever order the disk lists them in.

    Attributes
    ----------
    classes : tuple of str
        The sub-folders' names, sorted: `classes[label]`.
    paths : list of Path
        The images' files.
    mean, std : ndarray [D]
        In bytes; `preprocess_photo(photo, mean, std)` prepares a new photo alike.

    Raises
    ------
    FileNotFoundError, ValueError
        No such folder, no images, a class too small to split, a file that is no image (named).
    """

    def __init__(
        self, folder, mode="train", size=32, split=(0.8, 0.1, 0.1), transforms=None, channels=3,
        seed=0,
    ):  # fmt: skip
        one_of("mode", mode, tuple(_MODES))
        one_of("channels", channels, (1, 3))
        height, width = pair("size", size, 1)
        parts = _parts(path_of(folder), mode, split, seed)
        images = {name: _read(parts[name], height, width, channels) for name in {"train", mode}}
        train = images["train"].reshape(len(images["train"]), channels, -1)
        self.mean, self.std = train.mean((0, 2)), np.maximum(train.std((0, 2)), 1)
        classes = sorted({path.parent.name for path, _ in parts["train"]})
        self.paths = [path for path, _ in parts[mode]]
        labels = np.array([label for _, label in parts[mode]])
        transforms = transforms or Normalize(self.mean, self.std)
        super().__init__(images[mode], labels, transforms, classes, mode)


def _folders(folder):
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))


def _images(folder):
    return sorted(
        path for path in folder.iterdir()
        if path.suffix.lower() in _ENDINGS and not path.name.startswith(".")
    )  # fmt: skip


def _parts(folder, mode, split, seed):
    """Name of a part → list of (path, label); training and `mode` have images."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {str(folder)!r}: expected one sub-folder a class in it")
    names = {path.name.lower(): path for path in _folders(folder)}
    given = {part: next((names[n] for n in also if n in names), None)
             for part, also in _MODES.items()}  # fmt: skip
    parts = {part: [] for part in _MODES}
    if given["train"] and (given["dev"] or given["test"]):
        classes = [path.name for path in _folders(given["train"])]
        for part, root in given.items():
            for kind in _folders(root) if root else ():
                if kind.name not in classes:
                    raise ValueError(f"{kind} is a class without images in {given['train']}")
                parts[part] += [(path, classes.index(kind.name)) for path in _images(kind)]
    else:
        share = np.asarray(split, float)
        right = share.shape == (3,) and share[0] > 0 and (share >= 0).all()
        if not right or abs(share.sum() - 1) > 1e-6:
            raise ValueError(f"split must be three parts that add up to 1, got {split!r}")
        for label, root in enumerate(_folders(folder)):
            paths = _images(root)
            if len(paths) < (share > 0).sum():
                raise ValueError(
                    f"expected at least {(share > 0).sum()} images in {root}, one a part, got "
                    f"{len(paths)}: add images, remove the folder, or change split={split!r}"
                )
            order = np.random.default_rng([seed, label]).permutation(len(paths))
            counts = np.maximum(np.floor(share[1:] * len(paths) + 0.5), share[1:] > 0).astype(int)
            while counts.sum() >= len(paths):
                counts[counts.argmax()] -= 1
            cuts = np.cumsum([len(paths) - counts.sum(), counts[0]])
            for part, chosen in zip(parts, np.split(order, cuts), strict=True):
                parts[part] += [(paths[i], label) for i in sorted(chosen)]
    for needed in ("train", mode):
        if not parts[needed]:
            raise ValueError(
                f"expected images below {folder}, one sub-folder a class (cats/1.jpg, dogs/1.jpg), "
                f"found none for {needed!r}"
            )
    return parts


def _read(samples, height, width, channels):
    """The images as uint8 [B, D, height, width]."""
    images = np.empty((len(samples), channels, height, width), np.uint8)
    for image, (path, _) in zip(images, samples, strict=True):
        try:
            picture = load_image(
                path, "L" if channels == 1 else "RGB", max(1024, 4 * max(height, width))
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.BOX)
        image[:] = np.moveaxis(np.asarray(picture).reshape(height, width, channels), -1, 0)
    return images
