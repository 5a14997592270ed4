"""Generated pictures, sets in MNIST's form, samples of every shape, and what they should give."""

import gzip
import io
import itertools
import struct
import tempfile
from pathlib import Path

import numpy as np
from generated_operators import Call, pick  # first: it prepares the runtime

# isort: split
import paddle
from PIL import Image, ImageDraw

from nndl import BatchLoader
from nndl.dataset import EMNIST_CLASSES, load_idx, preprocess_digit


def _strokes(points, size, width):
    """A line drawn four times as large and averaged, as uint8 [size, size], ink 255."""
    picture = Image.new("L", (4 * size, 4 * size))
    points = [(4 * size * x, 4 * size * y) for x, y in points]
    ImageDraw.Draw(picture).line(points, 255, round(4 * width), joint="curve")
    return np.asarray(picture.reduce(4))


def pictures(rng):
    """preprocess_digit of drawings in any mode, turn, light and grain, and of empty pages."""
    points = [(0.15, 0.1), (0.8, 0.15), (0.45, 0.9)] if rng.integers(2) else [
        (0.2, 0.1), (0.75, 0.25), (0.3, 0.8), (0.8, 0.88)]  # fmt: skip
    size, side = int(rng.integers(60, 160)), int(rng.integers(180, 420))
    mode = pick(rng, "L", "RGB", "RGBA", "P", "CMYK", "I;16", "F", "LA", "array", "fractions")
    shade, grain, tag = rng.uniform(0, 70), pick(rng, 0, 2, 6), pick(rng, None, 1, 3, 6, 8)
    fault = pick(rng, None, None, "blank", "blank", "batch", "normalised", "text", "speck")
    i, j = np.indices((side, side)) / side
    page = 225 - shade * (i + j**2) / 2
    top, left = rng.integers(2, side - size - 2, 2)
    if fault == "speck":
        page[top : top + 3, left : left + 3] = 20
    elif fault is None:
        ink = _strokes(points, size, 0.09 * size) / 255
        page[top : top + size, left : left + size] *= 1 - 0.8 * ink
    page = np.clip(page + rng.normal(0, grain, page.shape), 0, 255).round().astype(np.uint8)
    page = 255 - page if rng.integers(3) == 0 else page
    if mode in ("array", "fractions"):
        given = page if mode == "array" else page / 255.0
        tag = None
    else:
        image = Image.fromarray(page)
        if tag in (3, 6, 8):  # stored turned, with the tag that turns it back
            image = image.transpose({3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90,
                                     8: Image.Transpose.ROTATE_270}[tag])  # fmt: skip
        if mode == "I;16":
            image = Image.frombytes(mode, image.size,
                                    (np.asarray(image).astype("<u2") * 257).tobytes())  # fmt: skip
        else:
            image = image.convert(mode)
        if tag:
            exif = Image.Exif()
            exif[0x0112] = tag
            image.info["exif"] = exif.tobytes()
        given = image
        if mode in ("L", "RGB", "RGBA", "P", "I;16") and rng.integers(2):
            given = io.BytesIO()
            image.save(given, "PNG", **({"exif": exif} if tag else {}))
            given.seek(0)
    if fault == "batch":
        given = np.stack([page, page])[:, None]
    elif fault == "normalised":
        given = page / 127.5 - 1.0
    elif fault == "text":
        given = io.BytesIO(rng.bytes(int(rng.integers(0, 200))))

    def run():
        steps = preprocess_digit(given)
        centred = steps["centred in 28×28"].astype(float)
        small = centred[centred.any(1)][:, centred.any(0)]
        alike = max(
            np.corrcoef(np.roll(centred, shift, (0, 1)).ravel(), expected.picture.ravel())[0, 1]
            for shift in itertools.product((-1, 0, 1), repeat=2)
        )
        return [list(steps["network input"].shape), max(small.shape) in (19, 20), bool(alike > 0.8)]

    def expected():
        return [[1, 32, 32], True, True]

    # The drawing itself, cut to its ink, fitted into 20×20 and put in the middle by hand.
    ink = _strokes(points, 140, 0.09 * 140)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shape = [round(20 * n / max(ink.shape)) for n in ink.shape]
    small = np.asarray(Image.fromarray(ink).resize(shape[::-1], Image.Resampling.BOX), float)
    expected.picture = np.zeros((28, 28))
    mass = [(small.sum(1 - k) * (np.arange(n) + 0.5)).sum() / small.sum()
            for k, n in enumerate(shape)]  # fmt: skip
    corner = [min(max(round(14 - m), 0), 28 - n) for m, n in zip(mass, shape, strict=True)]
    expected.picture[corner[0] : corner[0] + shape[0], corner[1] : corner[1] + shape[1]] = small
    text = f"preprocess_digit {mode} {side} px, tag {tag}, shade {shade:.0f}, grain {grain}"
    return Call(f"{text}, wrong: {fault}", run, None if fault else expected)


def _idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + (
        array.tobytes()
    )  # fmt: skip


def idx_sets(rng):
    """load_idx of raw and gzipped sets under MNIST's and EMNIST's names."""
    kind = pick(rng, None, None, *EMNIST_CLASSES)
    split = pick(rng, "train", "test")
    classes = 10 if kind is None else len(EMNIST_CLASSES[kind])
    images = rng.integers(0, 256, (classes + 3, 4, 5)).astype(np.uint8)
    first = int(kind == "letters")
    labels = (np.arange(classes + 3) % classes + first).astype(np.uint8)
    prefix = f"emnist-{kind}-{split}-" if kind else {"train": "train-", "test": "t10k-"}[split]
    fault = pick(rng, None, None, None, "missing", "truncated", "labels", "count", "rank", "split")
    contents = {"images-idx3-ubyte": _idx(images), "labels-idx1-ubyte": _idx(labels)}
    named = None
    if fault == "missing":
        del contents[pick(rng, *contents)]
    elif fault == "truncated":
        name = pick(rng, *contents)
        contents[name] = contents[name][: int(rng.integers(len(contents[name])))]
    elif fault == "labels":
        named = tuple("abc")
    elif fault == "count":
        contents["labels-idx1-ubyte"] = _idx(labels[:-1])
    elif fault == "rank":
        contents["images-idx3-ubyte"] = _idx(images[0])
    packed = rng.integers(2, size=2)

    def run():
        with tempfile.TemporaryDirectory() as folder:
            for pack, (name, raw) in zip(packed, contents.items(), strict=False):
                path = Path(folder) / (prefix + name + (".gz" if pack else ""))
                path.write_bytes(gzip.compress(raw) if pack else raw)
            found = load_idx(folder, "dev" if fault == "split" else split, named)
        return [found[0], found[1], len(found[2])]

    def expected():
        upright = np.stack([image.T for image in images]) if kind else images
        return [upright, labels.astype(int) - first, classes]

    return Call(f"load_idx {prefix} packed {packed}, wrong: {fault}", run,
                None if fault else expected)  # fmt: skip


class _Samples(paddle.io.Dataset):
    def __init__(self, samples):
        super().__init__()
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        return self.samples[i]


class _Stream(paddle.io.IterableDataset):
    def __init__(self, samples):
        super().__init__()
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)


def forms(rng):
    """BatchLoader of pairs, triples, dictionaries, streams against `paddle.io.DataLoader`."""
    count, size = int(rng.integers(1, 12)), int(rng.integers(1, 6))
    form, streams = pick(rng, "pair", "triple", "dict", "nested"), bool(rng.integers(2))
    X, y = rng.normal(size=(count, 3)).astype("float32"), rng.integers(0, 9, count)
    make = {"pair": lambda i: (X[i], y[i]), "triple": lambda i: (X[i], -X[i], y[i]),
            "dict": lambda i: {"x": X[i], "y": y[i]}, "nested": lambda i: ((X[i], X[i, :1]), y[i]),
            }[form]  # fmt: skip
    samples = [make(i) for i in range(count)]
    drop, fault = bool(rng.integers(2)), pick(rng, None, None, None, "unlike", "shuffle", "augment")
    options = {}
    if fault == "unlike":
        samples = [*samples, (np.zeros(4, "float32"),), (np.zeros(2, "float32"),)]
        size = len(samples)
    elif fault == "shuffle":
        streams, options = True, {"shuffle": True}
    elif fault == "augment":
        samples, options = [{"x": X[0]}], {"augment": lambda X, rng: X}
    data = _Stream(samples) if streams else _Samples(samples)

    def flat(value):
        if isinstance(value, dict):
            value = list(value.values())
        return [part for v in value for part in flat(v)] if isinstance(value, list | tuple) else [
            value]  # fmt: skip

    def run():
        drop_last = drop and fault is None
        return flat(list(BatchLoader(data, size, drop_last=drop_last, seed=0, **options)))

    def expected():
        return flat(list(iter(paddle.io.DataLoader(data, batch_size=size, drop_last=drop))))

    text = f"BatchLoader of {count} {form}s, stream: {streams}, by {size}, wrong: {fault}"
    return Call(text, run, None if fault else expected)
