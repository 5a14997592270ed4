"""Preparing and varying images, on whole batches at a time."""

import numpy as np
from PIL import Image

from .._arguments import as_array, integer, pair


def _pixels(images):
    """Images as an array; a PIL picture as [D, M, N], a palette and bits as what they look like."""
    if not isinstance(images, Image.Image):
        return as_array(images)
    picture = images.convert({"P": "RGB", "1": "L"}.get(images.mode, images.mode))
    array = np.asarray(picture)
    return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)


class Resize:
    """Bilinear resizing by Pillow, of images of any leading shape.

    Parameters
    ----------
    size : int or pair of int
        Height and width of the result in pixels.

    Raises
    ------
    ValueError, TypeError
        When a size is no whole number from 1 on.

    Examples
    --------
    >>> Resize(32)(np.zeros((5, 28, 28), np.uint8)).shape
    (5, 32, 32)
    """

    keeps_uint8 = True  # so the result can be kept for every later epoch

    def __init__(self, size):
        self.size = pair("size", size, 1)

    def __call__(self, images):
        """Resize uint8 [..., M, N], or a PIL image, which is [D, M, N], to [..., height, width]."""
        images = _pixels(images)
        if images.dtype != np.uint8:
            raise TypeError(f"Resize expects uint8 pixels from 0 to 255, got {images.dtype}")
        if images.ndim < 2 or 0 in images.shape[-2:]:
            raise ValueError(f"Resize expects [..., M, N], got shape {list(images.shape)}")
        height, width = self.size
        if images.shape[-2:] == (height, width):
            return images
        flat = images.reshape(-1, *images.shape[-2:])
        resized = np.empty((len(flat), height, width), np.uint8)
        for image, result in zip(flat, resized, strict=True):
            result[:] = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        return resized.reshape(*images.shape[:-2], height, width)

    def __repr__(self):
        return f"Resize({self.size})"


class _ResizeShorter(Resize):
    """What one size means to Paddle: it becomes the shorter side, and the aspect ratio stays."""

    def __call__(self, images):
        """Resize images [..., M, N]."""
        shape = np.shape(images)
        shorter = min(shape[-2:]) if len(shape) >= 2 else 0
        if not shorter:
            raise ValueError(f"Resize expects [..., M, N], got shape {list(shape)}")
        return Resize([self.size[0] * extent // shorter for extent in shape[-2:]])(images)


class Normalize:
    """``(pixel − mean) / std``, as float32.

    Parameters
    ----------
    mean, std : float or sequence of float
        In units of the pixels (0 to 255), one number or one a channel.

    Raises
    ------
    ValueError
        When a deviation is not positive.

    Examples
    --------
    >>> Normalize(127.5, 127.5)(np.array([[[0, 255]]], np.uint8)).tolist()
    [[[-1.0, 1.0]]]
    """

    keeps_uint8 = False

    def __init__(self, mean, std):
        self.mean = np.asarray(mean, np.float32).reshape(-1, 1, 1)
        self.std = np.asarray(std, np.float32).reshape(-1, 1, 1)
        if len(self.mean) != len(self.std) and 1 not in (len(self.mean), len(self.std)):
            raise ValueError(
                f"mean and std must be one number or one a channel, got {len(self.mean)} and "
                f"{len(self.std)}"
            )
        if not np.all(self.std > 0) or not np.all(np.isfinite(self.mean)):
            raise ValueError(f"mean must be finite and std above 0, got {mean!r} and {std!r}")

    def __call__(self, images):
        """Normalise [..., D, M, N] or a PIL image to float32; one mean, or one a channel.

        Raises
        ------
        ValueError
            Another number of channels; bytes, but a mean and deviation of fractions 0 to 1.
        """
        images = _pixels(images)
        channels = images.shape[-3] if images.ndim >= 3 else 0
        count = max(len(self.mean), len(self.std))
        if channels == 0 or count not in (1, channels):
            raise ValueError(
                f"Normalize with {count} means expects [..., D, M, N] with as many "
                f"channels, got shape {list(images.shape)}"
            )
        if images.dtype == np.uint8 and self.std.min() < 1 and np.abs(self.mean).max() <= 1:
            raise ValueError(
                f"mean {self.mean.max():g} and std {self.std.min():g} are of pixels from 0 to 1, "
                "but these are bytes from 0 to 255: multiply mean and std by 255"
            )
        result = images.astype(np.float32)
        result -= self.mean
        result /= self.std
        return result

    def __repr__(self):
        return f"Normalize({self.mean.ravel().tolist()}, {self.std.ravel().tolist()})"


class Compose:
    """Several transforms, one after the other.

    Parameters
    ----------
    transforms : sequence of callable
        Each takes and returns images [..., D, M, N].

    Examples
    --------
    >>> prepare = Compose([Resize(32), Normalize(127.5, 127.5)])
    >>> prepare(np.zeros((2, 1, 28, 28), np.uint8)).shape
    (2, 1, 32, 32)
    """

    def __init__(self, transforms):
        self.transforms = list(transforms)

    def __call__(self, images):
        """Apply them to images [..., D, M, N]."""
        for transform in self.transforms:
            images = transform(images)
        return images

    def __repr__(self):
        return f"Compose({self.transforms})"


def vectorised(transforms):
    """The batch form of a transform, when there is one.

    Parameters
    ----------
    transforms : callable
        One of this module, or `paddle.vision.transforms` `Compose`, `Resize` (bilinear)
        and `Normalize` (data_format 'CHW') with the book's arguments.

    Returns
    -------
    Compose or None
        None for anything else, which then has to be called image by image.
    """
    if isinstance(transforms, Compose):
        parts = [vectorised(part) for part in transforms.transforms]
        return None if None in parts else Compose([t for part in parts for t in part.transforms])
    if isinstance(transforms, (Resize, Normalize)):
        return Compose([transforms])
    from paddle.vision import transforms as vision

    if type(transforms) is vision.Compose:
        return vectorised(Compose(transforms.transforms))
    if type(transforms) is vision.Resize and transforms.interpolation == "bilinear":
        size = transforms.size
        if isinstance(size, int):
            return Compose([_ResizeShorter(size)])
        return Compose([Resize(size)]) if len(size) == 2 else None
    plain = type(transforms) is vision.Normalize and not transforms.to_rgb
    if plain and transforms.data_format == "CHW":
        return Compose([Normalize(transforms.mean, transforms.std)])
    return None


def flip_and_crop(images, rng, padding=4, flip=True, fill=0.0, rows=None, batch=None):
    """Mirror each image with probability ½ and shift it by up to `padding` pixels each way.

    Parameters
    ----------
    images : numpy.ndarray, [B, D, M, N]
        Normalised images: 0 is then the mean colour, which fills what moves in.
    rng : numpy.random.Generator
        Source of every choice: the same generator state gives the same batch.
    padding : int
        Largest shift in pixels; 0 only mirrors.
    flip : bool
        Mirror left and right; digits, which have no mirror images, want False.
    fill : float
        Value of pixels from outside.
    rows : sequence of int, optional
        The images are these rows of a batch of `batch` images, and get what they would get there:
        so several processes that share a batch vary it as one process does.
    batch : int, optional

    Returns
    -------
    numpy.ndarray, [B, D, M, N]
        A new array of the same dtype.

    Raises
    ------
    ValueError
        When the images are not [B, D, M, N] or padding is negative.
    TypeError
        When `rng` is not a `numpy.random.Generator`.

    References
    ----------
    .. [1] K. He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2.

    Examples
    --------
    >>> batch = np.zeros((8, 3, 32, 32), np.float32)
    >>> flip_and_crop(batch, np.random.default_rng(0)).shape
    (8, 3, 32, 32)
    """
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(f"flip_and_crop expects [B, D, M, N], got shape {list(images.shape)}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    padding = integer("padding", padding, 0)
    count, channels, height, width = images.shape
    batch, rows = (count, slice(None)) if rows is None else (batch, rows)
    padded = np.full(
        (count, channels, height + 2 * padding, width + 2 * padding), fill, images.dtype
    )
    padded[:, :, padding : padding + height, padding : padding + width] = images
    top, left = rng.integers(0, 2 * padding + 1, (2, batch))[:, rows]
    mirrored = (rng.random(batch) < 0.5 if flip else np.zeros(batch, bool))[rows]
    result = np.empty_like(images, order="C")
    for i in range(count):  # one block copy an image: faster than an index array of all pixels
        window = padded[i, :, top[i] : top[i] + height, left[i] : left[i] + width]
        result[i] = window[:, :, ::-1] if mirrored[i] else window
    return result
