"""One's own picture, made like the images that a network was trained on."""

import contextlib
import io
import itertools
import os

import numpy as np
from PIL import Image, ImageCms, ImageFilter, ImageOps

from .._arguments import as_array, path_of
from .transforms import Normalize, Resize

#: rows and columns of ink in an MNIST digit, of the digit's image, and of LeNet's input
_INK, _MNIST, _INPUT = 20, 28, 32
#: longer side in pixels of what is shown of a picture, and of what ink is looked for in
_SHOWN, _SEARCHED = 1024, 256
_MAX_PIXELS = 100_000_000


def load_image(image, mode, largest=None):
    """A PIL image in a mode ('L' grey, 'RGB'), upright as a viewer shows it.

    Parameters
    ----------
    image : str, Path, bytes, binary file, PIL image, or array
        Of any of Pillow's modes and depths; of several frames the first. Arrays are [M, N],
        [M, N, 3 or 4] or [D, M, N] and hold bytes 0–255, fractions 0–1, booleans or 16-bit
        integers 0–65535.
    mode : 'L' or 'RGB'
    largest : int, optional
        Pixels on the longer side; a picture at least twice as large is reduced before it is
        converted, which keeps the memory small.

    Returns
    -------
    PIL image
        Turned as its EXIF orientation says. Transparent parts lie on white; where all that can be
        seen is of one light colour (white ink), grey pictures lie on black.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        No such file, no picture in it, more than 100 megapixels, or a batch of pictures.
    """
    with contextlib.ExitStack() as files:
        picture = image if isinstance(image, Image.Image) else _open(image, files)
        if picture.width * picture.height > _MAX_PIXELS:
            raise ValueError(
                f"expected a picture of at most {_MAX_PIXELS // 10**6} megapixels, got "
                f"{picture.width}×{picture.height}: save a smaller copy"
            )
        try:
            if largest:
                picture.draft(None, (largest, largest))  # a JPEG is then decoded in a smaller size
            picture.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(
                f"expected a whole picture, got a damaged one ({error}): save or fetch it again"
            ) from None
    picture = _plain(picture, max(picture.size) // largest if largest else 1)
    with contextlib.suppress(Exception):  # a damaged tag says nothing
        picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("LA", "RGBA"):
        picture = _on_paper(picture, mode)
    return picture if picture.mode == mode else picture.convert(mode)


def _open(image, files):
    """A PIL image, not yet decoded, of a name, bytes, a file or an array."""
    if isinstance(image, (str, os.PathLike)):
        if not os.path.isfile(image := path_of(os.fsdecode(image))):
            raise FileNotFoundError(
                f"no image file {str(image)!r}: expected a PNG or JPEG, and a relative name counts "
                f"from the notebook's folder"
            )
        # Given a name, Pillow maps a TIFF into memory, and then turns it the wrong way round.
        image = files.enter_context(open(image, "rb"))  # noqa: SIM115
    elif isinstance(image, (bytes, bytearray, memoryview)):
        image = io.BytesIO(image)
    elif hasattr(image, "read"):
        image = io.BytesIO(image.read())  # it may be a stream that cannot go back
    else:
        return Image.fromarray(_as_bytes(as_array(image)))
    try:
        return Image.open(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"expected an image file such as PNG or JPEG of at most {_MAX_PIXELS // 10**6} "
            f"megapixels, got what cannot be read ({error}); export a phone's HEIC photo as JPEG"
        ) from None


def _plain(picture, factor):
    """The picture as L, LA, RGB or RGBA, reduced by a whole factor."""
    info = picture.info
    if picture.mode.startswith(("I;", "I", "F")):
        deep = picture if picture.mode.startswith("I;") or factor < 2 else picture.reduce(factor)
        scale = 65535 if picture.mode.startswith("I;") else None
        factor = factor if deep is picture else 1
        picture = Image.fromarray(_as_bytes(np.asarray(deep), scale))
    elif picture.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")
    elif "transparency" in info or picture.mode in ("P", "PA", "La", "RGBa"):
        alpha = "transparency" in info or picture.mode != "P"
        middle = picture.convert("LA") if picture.mode == "La" else picture
        picture = middle.convert("RGBA" if alpha else "RGB")
    elif picture.mode not in ("L", "LA", "RGB", "RGBA"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    if factor >= 2:
        picture = picture.reduce(factor)
    if "exif" in info:
        picture.info["exif"] = info["exif"]
    return picture


def _on_paper(picture, mode):
    """A picture with alpha on white, or white ink on black."""
    light, alpha = (np.asarray(part) for part in picture.convert("LA").split())
    seen = light[alpha > 128]
    white_ink = mode == "L" and seen.size and (alpha < 128).any() and seen.min() > 128
    if white_ink:
        low, high = np.percentile(seen, (1, 99))
        white_ink = high - low < 24  # else the colours, not the alpha, are what is drawn
    ground = Image.new("RGBA", picture.size, "black" if white_ink else "white")
    return Image.alpha_composite(ground, picture.convert("RGBA"))


def _as_bytes(pixels, full=None):
    """An array as bytes; `full` is its white, guessed from the numbers where it is not known."""
    given, pixels = pixels.shape, np.squeeze(pixels)
    batch = any(length != 1 for length in given[:-3])  # four digits [4, 1, M, N] are no RGBA
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4) and pixels.shape[2] not in (3, 4):
        pixels = np.moveaxis(pixels, 0, -1)
    plain = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if batch or not plain:
        raise ValueError(
            f"expected a picture [M, N] or [M, N, 3], got shape {list(given)}: "
            "pass one image, not a batch"
        )
    if pixels.dtype.kind not in "biuf":
        raise TypeError(f"expected a picture of numbers, got an array of {pixels.dtype}")
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    low, high = float(pixels.min()), float(pixels.max())
    whole = pixels.dtype.kind in "iu"
    if full is None:
        full = 65535 if whole and high > 255 else 255 if whole or high > 1 else 1
    if not (low >= 0 and high <= full):
        raise ValueError(
            f"expected bytes 0 to 255 or fractions 0 to 1, got values from {low:g} to {high:g}: "
            "undo the normalisation first, with pixels * 127.5 + 127.5"
        )
    result = np.empty(pixels.shape, np.uint8)
    for start in range(0, len(pixels), 256):  # a large picture takes little room besides
        part = pixels[start : start + 256].astype(np.float32)
        result[start : start + 256] = np.round(part * (255 / full))
    return result


def _slide(values, size, best):
    """The best (minimum, maximum) of every window of `size` × `size` pixels, edges repeated."""
    for _ in "ij":  # along the last axis, then turned
        values = np.pad(values, ((0, 0), (size // 2, size // 2)), mode="edge")
        span = 1
        while span < size:
            step = min(span, size - span)
            values = best(values[:, :-step], values[:, step:])
            span += step
        values = values.T
    return values


def _spread(values, limit, pull, hold):
    """Pass values on to neighbours by `pull`, as far as `hold` of each `limit` lets them."""
    before = None
    while before is None or not np.array_equal(before, values):
        before = values.copy()
        for turn in range(4):  # from each side
            rows, limits = np.rot90(values, turn), np.rot90(limit, turn)
            for k in range(1, len(rows)):
                hold(limits[k], pull(rows[k], rows[k - 1]), out=rows[k])
    return values


def _enclosed(grey):
    """How far each pixel lies below the lowest way out to the border: 0 on paper and in shadows."""
    level = np.full_like(grey, 255)
    level[[0, -1]], level[:, [0, -1]] = grey[[0, -1]], grey[:, [0, -1]]
    return _spread(level, grey, np.minimum, np.maximum) - grey


def _parts(mask, smallest):
    """The connected parts of a mask, as masks; what lies within two pixels counts as connected."""
    joined = _slide(mask, 3, np.maximum)
    names = np.arange(1, mask.size + 1).reshape(mask.shape) * joined
    _spread(names, np.where(joined, mask.size, 0), np.maximum, np.minimum)
    for name, count in zip(*np.unique(names, return_counts=True), strict=True):
        if name and count >= smallest and (part := (names == name) & mask).any():
            yield part


def _ink(grey, grain, border):
    """How much was drawn (length × contrast), and its ink as uint8; (0, None) for nothing.

    Ink is darker than the paper around it, by more than its grain (a standard deviation), has
    sharp edges and strokes narrower than a third of the picture; specks, ruled lines, frames and
    shadows are none. Where a `border` was put around, a dark corner looks like ink: be strict.
    """
    side = max(grey.size)
    smooth = np.asarray(grey.filter(ImageFilter.GaussianBlur(0.8)), np.float32)
    depth, steep = _enclosed(smooth), np.hypot(*np.gradient(smooth))
    within = np.zeros(smooth.shape, bool)
    within[border + 2 : -border - 2, border + 2 : -border - 2] = True
    drawn = []
    for part in _parts(depth > max(8, 4 * grain), 0.07 * side):
        rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        extents = [np.ptp(rows) + 1, np.ptp(columns) + 1]
        full = np.percentile(depth[part], 75)
        if max(extents) < 0.07 * side or full < max(60 if border else 16, 6 * grain):
            continue
        half = part & (depth > full / 2)
        edge = half & within & ~_slide(half, 3, np.minimum)
        spans = [e >= n - 2 * border - 4 for e, n in zip(extents, part.shape, strict=True)]
        margin = [max(3, n // 10) for n in part.shape]
        inside = part[margin[0] : -margin[0], margin[1] : -margin[1]].sum()
        shadow = not edge.any() or np.median(steep[edge]) * 0.08 * side < full
        wide = _slide(half, side * 3 // 10 | 1, np.minimum).any()
        solid = half.sum() > 0.75 * np.prod(extents)
        wide |= solid and (min(extents) > 0.25 * side or any(spans))
        line = any(spans) and min(extents) < 0.1 * side
        frame = all(spans) and inside < 0.1 * part.sum()
        if not (shadow or wide or line or frame):
            drawn.append((max(extents), full, part))
    if not drawn:
        return 0, None
    longest = max(extent for extent, *_ in drawn)
    drawn = [(full, part) for extent, full, part in drawn if extent >= 0.2 * longest]
    depth = np.where(np.any([part for _, part in drawn], axis=0), depth - 2 * grain - 4, 0)
    full = max(full for full, _ in drawn) - 2 * grain - 4
    return longest * full, np.round(255 * np.clip(depth / full, 0, 1)).astype(np.uint8)


def preprocess_digit(image):
    """A photo or drawing of one digit, step by step into the form of MNIST.

    A network that has only seen light digits of 20×20 pixels in the middle of a black square
    fails on anything else; this is where most predictions of own digits go wrong.

    Parameters
    ----------
    image : str, Path, bytes, binary file, PIL image, or array [M, N] or [M, N, 3]
        One digit, dark on light or light on dark; see `load_image`.

    Returns
    -------
    dict of str to array
        Every step as uint8 [rows, columns]; the last one, 'network input', is float32
        [1, 32, 32] from −1 to 1, which LeNet takes as `paddle.to_tensor(x[None])`. Large pictures
        are shown reduced.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        No such file, no picture, or nothing is drawn on it.

    References
    ----------
    LeCun, Cortes, Burges, *The MNIST database of handwritten digits*: digits are fitted into
    20×20 pixels, their centre of mass moved to the middle of 28×28.
    """
    picture = load_image(image, "L", _SHOWN)
    grey = np.asarray(picture)
    if min(grey.shape) < 8 or max(grey.shape) > 20 * min(grey.shape):
        raise ValueError(
            f"expected a picture with a digit on it, got {grey.shape[0]}×{grey.shape[1]} pixels"
        )
    scale = _SEARCHED / max(grey.shape)
    scale = scale if scale < 1 else int(scale)  # enlarged, thin strokes survive the smoothing
    size = [max(8, round(extent * scale)) for extent in picture.size]
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    reduced = picture.resize(size, way) if scale < 1 else picture
    # Half of all neighbours differ by less than 0.95 deviations; smoothing leaves a part of it.
    grain = np.median(np.abs(np.diff(np.asarray(reduced, float)))) / 0.95
    grain *= 0.4 if scale < 2 else 1
    picture = reduced.resize(size, way)
    shown = np.asarray(picture)
    edge = np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]])
    found = []  # dark ink or light, all inside or cut off at the border: the most ink counts
    for border, inverted in itertools.product((0, 8), (False, True)):
        framed = ImageOps.expand(picture, border, int(np.percentile(edge, 25 if inverted else 75)))
        much, ink = _ink(ImageOps.invert(framed) if inverted else framed, grain, border)
        found.append((much * (0.8 if border else 1), inverted, ink))
    much, inverted, clean = max(found, key=lambda entry: entry[0])
    if not much:
        raise ValueError(
            f"expected a picture with a digit on it, got {grey.shape[0]}×{grey.shape[1]} pixels "
            f"between {grey.min()} and {grey.max()}, where nothing is drawn that stands out from "
            "the paper: draw with a thicker, darker pen, or go nearer"
        )
    rows, columns = (np.flatnonzero((clean > 96).any(axis=axis)) for axis in (1, 0))
    cropped = clean[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _INK / max(cropped.shape)
    size = [max(1, round(length * scale)) for length in cropped.shape[::-1]]
    small = np.asarray(Image.fromarray(cropped).resize(size, Image.Resampling.BOX))
    centred = _centre(small)
    resized = Resize(_INPUT)(centred)
    return {
        "as given": grey,
        "light on dark": shown if inverted else 255 - shown,
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
    image : str, Path, bytes, binary file, PIL image, or array [M, N, 3] or [M, N]
        The object should fill the middle of the picture.
    mean, std : sequence of 3 float
        Of the training images' channels, in bytes (those of pixels 0 to 1, times 255); by default
        CIFAR-10's.

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
    photo = load_image(image, "RGB", _SHOWN)
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
