"""The embedded data: what its checksums say, described file by file, and balanced."""

import gzip
import hashlib
import io
import json
import os
import re
import struct
import subprocess
import sys

import build_data
import numpy as np
import pytest
from PIL import Image

from nndl import dataset
from nndl.dataset.files import formats
from tests.conftest import ROOT

DATA = ROOT / "data"
FILES = sorted(path for path in DATA.rglob("*") if path.is_file() and path.parent != DATA)


def names():
    return [path.relative_to(DATA).as_posix() for path in FILES]


def test_every_file_has_its_checksum():
    listed = json.loads((DATA / "checksums.json").read_text())
    assert sorted(listed) == names()
    for path, name in zip(FILES, names(), strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


def test_the_readme_describes_every_file():
    text = (DATA / "README.md").read_text()
    parts = dict(re.findall(r"(?ms)^## `(\S+)/`\n(.*?)(?=^## |\Z)", text))
    for name in names():
        folder, _, file = name.partition("/")
        assert f"`{file}`" in parts[folder], name
    for folder in ("mnist", "cifar10-mini"):
        for word in ("Author", "Terms:", "Copied from:", "Citation:"):
            assert word in parts[folder], (folder, word)


def test_the_data_is_as_small_as_promised():
    def megabytes(folder):
        return sum(path.stat().st_size for path in (DATA / folder).iterdir()) / 1e6

    assert megabytes("mnist") <= 11.4
    assert megabytes("cifar10-mini") <= 16


@pytest.mark.parametrize("name", formats.MNIST_SHA256)
def test_mnist_unpacks_to_the_official_files(name):
    raw = gzip.decompress((DATA / "mnist" / f"{name}.gz").read_bytes())
    assert hashlib.sha256(raw).hexdigest() == formats.MNIST_SHA256[name]
    count = 60000 if name.startswith("train") else 10000
    if "images" in name:
        assert struct.unpack(">4I", raw[:16]) == (2051, count, 28, 28)
    else:
        assert struct.unpack(">2I", raw[:8]) == (2049, count)
        assert set(raw[8:]) == set(range(10))


def test_the_mini_splits_are_balanced_and_disjoint():
    stored = json.loads((DATA / "cifar10-mini" / "labels.json").read_text())
    batches = {"train": ("train", 0, 40000), "dev": ("train", 40000, 50000)}
    batches["test"] = ("test", 0, 10000)
    seen = set()
    for mode, (source, start, stop) in batches.items():
        part, count = stored[mode], {"train": 500, "dev": 100, "test": 100}[mode]
        assert part["source"] == source
        assert part["index"] == sorted(set(part["index"]))
        assert start <= part["index"][0] and part["index"][-1] < stop
        assert {part["labels"].count(str(digit)) for digit in range(10)} == {count}
        with Image.open(DATA / "cifar10-mini" / f"{mode}.png") as picture:
            pixels = np.asarray(picture)
        tiles = {
            pixels[top : top + 32, left : left + 32].tobytes()
            for top in range(0, pixels.shape[0], 32)
            for left in range(0, pixels.shape[1], 32)
        }
        assert len(tiles) == 10 * count  # no image twice
        assert not tiles & seen  # and none in two splits
        seen |= tiles


def test_pictures_open_in_the_sizes_that_the_notebooks_use():
    for path in sorted((DATA / "images").iterdir()):
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) >= 200, path.name


def test_the_build_script_makes_these_files():
    """From the full sets: the same pixels, and the same bytes where zlib is the same."""
    try:
        for split in ("train", "test"):
            dataset.open_cifar10_cache(split)
    except FileNotFoundError:
        pytest.skip("needs python -m nndl.download cifar10")
    arrays = {}
    for split in ("train", "test"):
        images, labels = dataset.open_cifar10_cache(split)
        arrays |= {f"{split}-images": images, f"{split}-labels": labels}
    built = build_data.build_cifar10_mini(arrays)
    assert sorted(built) == [name for name in names() if name.startswith("cifar10-mini/")]
    for name, content in built.items():
        stored = (DATA / name).read_bytes()
        if name.endswith(".png"):
            with Image.open(io.BytesIO(content)) as new, Image.open(DATA / name) as old:
                np.testing.assert_array_equal(np.asarray(new), np.asarray(old))
        else:
            assert content == stored


def test_a_script_without_the_full_sets_says_how_to_get_them(tmp_path):
    result = subprocess.run(
        [sys.executable, "scripts/build_data.py", "--out", str(tmp_path / "data")],
        cwd=ROOT,
        env={**os.environ, "NNDL_CACHE": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert result.returncode
    assert "python -m nndl.download mnist" in result.stderr
    assert not (tmp_path / "data").exists()
