"""Rebuild data/mnist and data/cifar10-mini from the full sets, byte for byte.

The full sets come from the cache that `python -m nndl.download mnist` and
`python -m nndl.download cifar10` fill. Usage:

    python scripts/build_data.py [--out data]

Everything is a pure function of the official sets: gzip without a time stamp at level 9, the
first images of every class in official order, PNG at compression level 9. The compressed bytes
depend on the versions of zlib and Pillow; the decoded pixels, whose sha256 `nndl.dataset` and
`nndl.dataset.files` know, do not.
"""

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nndl import dataset  # noqa: E402  of this checkout, installed or not
from nndl.dataset.files import formats  # noqa: E402  of this checkout, installed or not

COLUMNS = 50  # images side by side in a mosaic
PHOTOGRAPHS = ("cat.png", "grace_hopper.jpg")
PER_CLASS = {"train": 500, "dev": 100, "test": 100}


def first_of_each_class(labels, count):
    """Indices, ascending, of the first `count` images of each of the ten classes."""
    chosen = [np.flatnonzero(labels == number)[:count] for number in range(10)]
    return np.sort(np.concatenate(chosen))


def mosaic_bytes(images):
    """PNG of uint8 [B, 3, 32, 32], `COLUMNS` images side by side."""
    rows = len(images) // COLUMNS
    tiles = images.reshape(rows, COLUMNS, 3, 32, 32).transpose(0, 3, 1, 4, 2)
    stream = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(tiles).reshape(rows * 32, COLUMNS * 32, 3))
    picture.save(stream, format="PNG", compress_level=9)
    return stream.getvalue()


def digit_picture(images, index=0, factor=16):
    """PNG of one digit enlarged with sharp pixels, as a picture from outside would come."""
    enlarged = np.kron(images[index], np.ones((factor, factor), np.uint8))
    stream = io.BytesIO()
    Image.fromarray(enlarged).save(stream, format="PNG", compress_level=9)
    return stream.getvalue()


def own_digit(images, index):
    """PNG of a digit as a phone sees it: dark ink on grey paper, larger, off centre."""
    canvas = np.full((240, 200), 205, np.uint8)
    big = np.asarray(Image.fromarray(images[index]).resize((140, 140), Image.Resampling.BICUBIC))
    shade = np.linspace(0, 30, 200).astype(np.uint8)  # light from one side
    canvas[:] -= shade
    place = canvas[60:200, 40:180]
    place[:] = (place * (1 - big / 255.0) + 35 * (big / 255.0)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(canvas).save(stream, format="PNG", compress_level=9)
    return stream.getvalue()


def mini_selection(train_labels, test_labels):
    """Which images the mini set takes: mode -> (split of the full set, indices)."""
    batch5 = 40000
    return {
        "train": ("train", first_of_each_class(train_labels[:batch5], PER_CLASS["train"])),
        "dev": ("train", batch5 + first_of_each_class(train_labels[batch5:], PER_CLASS["dev"])),
        "test": ("test", first_of_each_class(test_labels, PER_CLASS["test"])),
    }


def build_mnist(idx_files):
    """Files of data/mnist.

    Parameters
    ----------
    idx_files : dict of str to bytes
        Official name → uncompressed content.

    Returns
    -------
    dict of str to bytes
        Path below data/ → content.
    """
    return {f"mnist/{name}.gz": formats.gzip_bytes(content) for name, content in idx_files.items()}


def build_cifar10_mini(arrays):
    """Files of data/cifar10-mini.

    Parameters
    ----------
    arrays : dict of str to numpy.ndarray
        "train-images" uint8 [50000, 3, 32, 32], "train-labels" [50000], "test-images",
        "test-labels".

    Returns
    -------
    dict of str to bytes
        Path below data/ → content.
    """
    files, labels = {}, {}
    for mode, (split, index) in mini_selection(
        arrays["train-labels"], arrays["test-labels"]
    ).items():
        files[f"cifar10-mini/{mode}.png"] = mosaic_bytes(arrays[f"{split}-images"][index])
        labels[mode] = {
            "labels": "".join(map(str, arrays[f"{split}-labels"][index])),
            "source": split,
            "index": index.tolist(),
        }
    text = json.dumps(labels, separators=(",", ":")).replace('},"', '},\n"') + "\n"
    files["cifar10-mini/labels.json"] = text.encode()
    return files


def checksums(folder):
    """sha256 of every data file below `folder`, by path."""
    paths = sorted(
        path for kind in ("mnist", "cifar10-mini", "images") for path in (folder / kind).iterdir()
    )
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def main(arguments=None):
    """Build into a folder and write checksums.json beside the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "data", help="folder to write")
    out = parser.parse_args(arguments).out
    idx_files = {}
    for name in formats.MNIST_SHA256:
        path = dataset.cache_folder() / "mnist" / f"{name}.gz"
        idx_files[name] = formats.read_raw(
            path, formats.MNIST_SHA256[name], "python -m nndl.download mnist"
        )
    arrays = {}
    for split in ("train", "test"):
        arrays[f"{split}-images"], labels = dataset.open_cifar10_cache(split)
        arrays[f"{split}-labels"] = np.asarray(labels)
    images, _ = dataset.load_mnist("test")
    files = {**build_mnist(idx_files), **build_cifar10_mini(arrays)}
    for name in PHOTOGRAPHS:  # no part of a set: kept as they are
        files[f"images/{name}"] = (ROOT / "data" / "images" / name).read_bytes()
    files["images/digit.png"] = digit_picture(images)
    files["images/own_digit.png"] = own_digit(images, 18)
    for name, content in files.items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        print(f"{name}: {len(content):,} bytes")
    (out / "checksums.json").write_text(json.dumps(checksums(out), indent=1) + "\n")


if __name__ == "__main__":
    main()
