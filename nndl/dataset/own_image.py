"""One's own picture, made like the images that a network was trained on."""

import pathlib

import numpy as np
from PIL import Image

from ..display.once import as_array
from .transforms import Normalize, Resize

#: rows and columns of ink in an MNIST digit, of the digit's image, and of LeNet's input
_INK, _MNIST, _INPUT = 20, 28, 32


def load_image(image, mode):
    """A PIL image in a mode ('L' grey, 'RGB') from a file's name, a PIL image or an array.

    Parameters
    ----------
    image : str, Path, PIL image, or array [M, N'], [M, N', 3 or 4], [C, M, N']
        Arrays hold bytes 0–255 or fractions 0–1.
    mode : 'L' or 'RGB'

    Returns
    -------
    PIL image
        Transparent parts lie on white.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
    """
    if isinstance(image, (str, pathlib.Path)):
        if not pathlib.Path(image).is_file():
            raise FileNotFoundError(
                f"no image file {str(image)!r}: expected a PNG or JPEG, and a relative name counts "
                f"from the notebook's folder"
            )
        try:
            image = Image.open(image)
            image.load()
        except OSError as error:
            raise ValueError(f"{error}: expected an image file such as PNG or JPEG") from None
    if not isinstance(image, Image.Image):
        image = Image.fromarray(_as_bytes(image))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def _as_bytes(image):
    pixels = np.squeeze(as_array(image))
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4) and pixels.shape[2] not in (3, 4):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(
            f"expected a picture [M, N'] or [M, N', 3], got shape {list(pixels.shape)}: "
            "pass one image, not a batch"
        )
    if pixels.dtype == np.uint8:
        return pixels
    pixels = pixels.astype(float)
    low, high = pixels.min(), pixels.max()
    if low < 0 or high > 255 or not np.isfinite(pixels).all():
        raise ValueError(
            f"expected bytes 0 to 255 or fractions 0 to 1, got values from {low:g} to {high:g}: "
            "undo the normalisation first, with pixels * 127.5 + 127.5"
        )
    return np.round(pixels * (255 if high <= 1 else 1)).astype(np.uint8)


def _threshold(pixels):
    """Otsu's grey level: the one that parts the pixels into the two most distinct groups."""
    counts = np.bincount(pixels.ravel(), minlength=256).astype(float)
    levels = np.arange(256)
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return int(np.nanargmax(np.where((below > 0) & (above > 0), between, -1)))


def _without_paper(pixels):
    """Ink on black: what shadows leave, a plane fitted to the darker pixels, is taken off."""
    values = pixels.astype(float)
    i, j = np.indices(values.shape)
    plane = np.stack([np.ones(values.size), i.ravel() / len(values), j.ravel() / len(values)], 1)
    paper = pixels.ravel() <= _threshold(pixels)
    fit = np.linalg.lstsq(plane[paper], values.ravel()[paper], rcond=None)[0]
    flat = values - (plane @ fit).reshape(values.shape)
    # Twice the spread of the paper counts as paper, so that its grain vanishes too.
    flat = np.clip(flat - 2 * flat.ravel()[paper].std() - 4, 0, None)
    return np.round(255 * np.minimum(flat / max(np.percentile(flat[flat > 0], 90), 1), 1)).astype(
        np.uint8
    )


def preprocess_digit(image):
    """A photo or drawing of one digit, step by step into the form of MNIST.

    A network that has only seen light digits of 20×20 pixels in the middle of a black square
    fails on anything else; this is where most predictions of own digits go wrong.

    Parameters
    ----------
    image : str, Path, PIL image, or array [M, N'] or [M, N', 3]
        One digit, dark on light or light on dark.

    Returns
    -------
    dict of str to array
        Every step as uint8 [rows, columns]; the last one, 'network input', is float32
        [1, 32, 32] from −1 to 1, which LeNet takes as `paddle.to_tensor(x[None])`.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        No such file, no picture, or nothing is drawn on it.

    References
    ----------
    LeCun, Cortes, Burges, *The MNIST database of handwritten digits*: digits are fitted into
    20×20 pixels, their centre of mass moved to the middle of 28×28.
    """
    grey = np.asarray(load_image(image, "L"))
    if min(grey.shape) < 8 or grey.max() - grey.min() < 24:
        raise ValueError(
            f"expected a picture with a digit on it, got {grey.shape[0]}×{grey.shape[1]} pixels "
            f"between {grey.min()} and {grey.max()}: draw with a thicker, darker pen"
        )
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    light = 255 - grey if np.median(edge) > (int(grey.min()) + int(grey.max())) / 2 else grey
    clean = _without_paper(light)
    rows, columns = (np.flatnonzero((clean > 96).any(axis=axis)) for axis in (1, 0))
    cropped = clean[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _INK / max(cropped.shape)
    size = [max(1, round(length * scale)) for length in cropped.shape[::-1]]
    small = np.asarray(Image.fromarray(cropped).resize(size, Image.Resampling.BOX))
    centred = _centre(small)
    resized = Resize(_INPUT)(centred)
    return {
        "as given": grey,
        "light on dark": light,
        "paper removed": clean,
        "cropped to the ink": cropped,
        "ink fits 20×20": small,
        "centred in 28×28": centred,
        "resized to 32×32": resized,
        "network input": Normalize(127.5, 127.5)(resized[None]),
    }


def _centre(small):
    """Paste onto 28×28 black pixels, centre of mass in the middle, all ink inside."""
    weight = small.astype(float) / max(small.sum(), 1)
    square = np.zeros((_MNIST, _MNIST), np.uint8)
    corner = []
    for axis, length in enumerate(small.shape):
        centre = (weight.sum(axis=1 - axis) * (np.arange(length) + 0.5)).sum()
        corner.append(int(np.clip(round(_MNIST / 2 - centre), 0, _MNIST - length)))
    top, left = corner
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def preprocess_photo(image, mean=(125.3, 123.0, 113.9), std=(63.0, 62.1, 66.7)):
    """A photo, step by step into the form of CIFAR-10.

    Parameters
    ----------
    image : str, Path, PIL image, or array [M, N', 3] or [M, N']
        The object should fill the middle of the picture.
    mean, std : sequence of 3 float
        Of the training images' channels, in bytes; those of CIFAR-10.

    Returns
    -------
    dict of str to array
        Steps as uint8 [rows, columns, 3]; the last one, 'network input', is float32 [3, 32, 32],
        normalised.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        No such file, or no picture.
    """
    photo = load_image(image, "RGB")
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.crop((left, top, left + side, top + side))
    small = np.asarray(square.resize((_INPUT, _INPUT), Image.Resampling.BOX))
    return {
        "as given": np.asarray(photo),
        "middle square": np.asarray(square),
        "resized to 32×32": small,
        "network input": Normalize(mean, std)(np.moveaxis(small, -1, 0)),
    }
