"""Folders of own images: each image once, in the right class, through to a trained network."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from nndl.dataset import CIFAR10_CLASSES, ImageFolder, load_cifar10
from tests.conftest import ROOT


def fill(folder, counts, size=(40, 30)):
    """Images of one colour, (class number, image number, 7)."""
    for label, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            Image.new("RGB", size, (label, k, 7)).save(folder / name / f"{k}.png")


def colours(data):
    return [tuple(image[:, 0, 0].tolist()) for image in data.images]


@pytest.mark.parametrize("counts", [{"ant": 10, "bee": 25}, {"a": 3, "b": 3, "c": 4}])
def test_each_image_is_in_one_part_with_its_class(tmp_path, counts):
    fill(tmp_path, counts)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / "notes.txt").write_text("no class")
    (tmp_path / next(iter(counts)) / "Thumbs.db").write_bytes(b"?")
    parts = {mode: ImageFolder(tmp_path, mode, size=8) for mode in ("train", "dev", "test")}
    seen = [pixel for data in parts.values() for pixel in colours(data)]
    assert sorted(seen) == [(c, k, 7) for c, n in enumerate(counts.values()) for k in range(n)]
    for mode, data in parts.items():
        assert data.classes == tuple(counts)
        assert [pixel[0] for pixel in colours(data)] == data.labels.tolist()
        assert [p.parent.name for p in data.paths] == [data.classes[c] for c in data.labels]
        for label, count in enumerate(counts.values()):
            expected = {
                "dev": max(1, round(0.1 * count + 1e-9)),
                "test": max(1, round(0.1 * count)),
            }
            if count % 10 == 0:
                expected["train"] = count - 2 * expected["dev"]
                assert (data.labels == label).sum() == expected[mode]
    again = ImageFolder(tmp_path, "train", size=8)
    assert again.paths == parts["train"].paths
    assert ImageFolder(tmp_path, "train", size=8, seed=1).paths != again.paths or len(seen) == 10


def test_splits_that_are_given_are_kept(tmp_path):
    fill(tmp_path / "train", {"a": 2, "b": 3})
    fill(tmp_path / "val", {"a": 1, "b": 1})
    dev = ImageFolder(tmp_path, "dev", size=8)
    assert len(ImageFolder(tmp_path, size=8)) == 5 and dev.classes == ("a", "b")
    assert {path.parts[-3] for path in dev.paths} == {"val"}
    with pytest.raises(ValueError, match="found none for 'test'"):
        ImageFolder(tmp_path, "test", size=8)
    fill(tmp_path / "test", {"c": 1})
    with pytest.raises(ValueError, match="c is a class without images"):
        ImageFolder(tmp_path, size=8)


def test_pixels_are_the_middle_resized_and_normalised_by_the_training_images(tmp_path):
    halves = np.zeros((20, 60, 3), np.uint8)
    halves[:, 20:40] = (100, 150, 200)  # the middle square
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(3):
            Image.fromarray(halves + np.uint8(k)).save(tmp_path / name / f"{k}.png")
    data = ImageFolder(tmp_path, size=(10, 10))
    base = int(data.images[0, 0, 0, 0]) - 100
    assert (data.images[0] == np.array([100, 150, 200])[:, None, None] + base).all()
    pixels = data.images.reshape(len(data), 3, -1).astype(float)
    np.testing.assert_allclose(data.mean, pixels.mean((0, 2)))
    X, _ = data.batch(range(len(data)))
    np.testing.assert_allclose(
        X[:, :, 0, 0], (data.images[:, :, 0, 0] - data.mean) / data.std, 1e-5
    )
    grey = ImageFolder(tmp_path, size=(4, 6), channels=1)
    assert grey[0][0].shape == (1, 4, 6)


def test_mistakes_are_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="one sub-folder a class"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected images below"):
        ImageFolder(tmp_path)
    fill(tmp_path, {"a": 5, "b": 2})
    with pytest.raises(ValueError, match=r"at least 3 images in .*b, one a part, got 2"):
        ImageFolder(tmp_path)
    assert len(ImageFolder(tmp_path, split=(0.5, 0, 0.5))) == 2 + 1
    for split in ((1, 1, 1), (0.5, 0.5), (0, 0.5, 0.5), (1.5, -0.25, -0.25)):
        with pytest.raises(ValueError, match="three parts that add up to 1"):
            ImageFolder(tmp_path, split=split)
    with pytest.raises(ValueError, match="mode must be one of"):
        ImageFolder(tmp_path, "valid")
    (tmp_path / "a" / "9.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"9\.jpg: .*expected an image file"):
        for mode in ("train", "dev", "test"):
            ImageFolder(tmp_path, mode, split=(0.5, 0, 0.5))


def test_the_example_trains_a_network(tmp_path):
    images, labels = load_cifar10("train")
    for label in (0, 6):
        folder = tmp_path / "pets" / CIFAR10_CLASSES[label]
        folder.mkdir(parents=True)
        for k, image in enumerate(images[labels == label][:60]):
            Image.fromarray(image.transpose(1, 2, 0)).resize((64, 48)).save(folder / f"{k}.png")
    done = subprocess.run(
        [sys.executable, ROOT / "docs/examples/own_images.py", "pets"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    score = float(done.stdout.split("(")[1].split(",")[0])
    assert score >= 0.65  # 12 images, two classes: 0.5 by chance
    assert done.stdout.rstrip().rpartition(" ")[2] in ("airplane", "frog")
    assert len((ROOT / "docs/examples/own_images.py").read_text().splitlines()) <= 20
