"""Sets, splits and samples: the right images with the right labels, each in one split only."""

import gzip
import json
import subprocess
import sys
import time

import numpy as np
import paddle.vision.transforms as vision
import pytest
from PIL import Image

from nndl import dataset
from nndl.dataset import mnist
from nndl.dataset.cifar10 import CIFAR10Dataset, load_cifar10
from nndl.dataset.files import formats
from nndl.dataset.images import ImageDataset
from nndl.dataset.mnist import (
    EMNIST_CLASSES,
    FASHION_MNIST_CLASSES,
    MNIST_dataset,
    MNISTDataset,
    load_idx,
    load_mnist,
    load_mnist_book,
)
from nndl.dataset.transforms import Compose, Normalize, Resize
from tests.dataset.files.test_formats import idx

RNG = np.random.default_rng(0)


def whole_cifar10():
    try:
        return {split: dataset.open_cifar10_cache(split) for split in ("train", "test")}
    except FileNotFoundError:
        pytest.skip("needs python -m nndl.download cifar10")


# ---------------------------------------------------------------------------------------- MNIST


def test_mnist_is_the_published_set():
    images, labels = load_mnist("train")
    assert images.shape == (60000, 28, 28) and images.dtype == np.uint8
    # the figures that the set is known by
    assert np.bincount(labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert abs(images.mean() / 255 - 0.1307) < 5e-5
    assert abs(images.std() / 255 - 0.3081) < 5e-5
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    images, labels = load_mnist("test")
    assert images.shape == (10000, 28, 28)
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    with pytest.raises(ValueError, match="read-only"):
        labels[0] = 3


def test_the_books_split_is_balanced_and_disjoint():
    taken = {mode: {digit: [] for digit in range(10)} for mode in ("train", "dev", "test")}
    for split, plan in (("train", {"train": 100, "dev": 20}), ("test", {"test": 20})):
        images, labels = load_mnist(split)
        for image, label in zip(images, labels.tolist(), strict=True):
            for mode, count in plan.items():
                if len(taken[mode][label]) < count:
                    taken[mode][label].append(image.tobytes())
                    break
    for mode, (images, labels) in load_mnist_book().items():
        assert len(images) == {"train": 1000, "dev": 200, "test": 200}[mode]
        found = {digit: [] for digit in range(10)}
        for image, label in zip(images, labels.tolist(), strict=True):
            found[label].append(image.tobytes())
        assert found == taken[mode]
    parts = [{image.tobytes() for image in images} for images, _ in load_mnist_book().values()]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


def test_the_full_split_uses_every_digit_once():
    images, labels = load_mnist("train")
    parts = [MNISTDataset(mode, split="full", size=28) for mode in ("train", "dev", "train+dev")]
    assert [len(part) for part in parts] == [55000, 5000, 60000]
    for start, part in zip((0, 55000, 0), parts, strict=True):
        np.testing.assert_array_equal(part.labels, labels[start : start + len(part)])
        for index in (0, 777, len(part) - 1):
            np.testing.assert_array_equal(part.images[index, 0], images[start + index])
    assert len(MNISTDataset("test", split="full")) == 10000


def test_missing_and_damaged_digits(tmp_path, monkeypatch):
    monkeypatch.setenv("NNDL_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("NNDL_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FileNotFoundError, match=r"Remedy: python -m nndl\.download mnist"):
        dataset.find_mnist_file("t10k-labels-idx1-ubyte")
    with pytest.raises(FileNotFoundError, match="NNDL_DATA"):
        dataset.data_folder()
    folder = tmp_path / "cache" / "mnist"
    folder.mkdir(parents=True)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(b"rubbish")
    assert dataset.find_mnist_file("t10k-labels-idx1-ubyte") == path
    with pytest.raises(ValueError, match=r"Remedy: python -m nndl\.download mnist"):
        mnist._mnist_file("t10k-labels-idx1-ubyte")


# ------------------------------------------------------------------------------------- CIFAR-10


@pytest.mark.parametrize("mode, count", [("train", 5000), ("dev", 1000), ("test", 1000)])
def test_the_embedded_cifar10_is_part_of_the_whole_one(mode, count):
    images, labels = load_cifar10(mode)
    assert images.shape == (count, 3, 32, 32) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [count // 10] * 10
    text = (dataset.data_folder() / "cifar10-mini" / "labels.json").read_text()
    source = json.loads(text)[mode]
    whole_images, whole_labels = whole_cifar10()[source["source"]]
    np.testing.assert_array_equal(images, whole_images[source["index"]])
    np.testing.assert_array_equal(labels, whole_labels[source["index"]])


def test_the_whole_cifar10_is_split_as_the_book_does():
    whole = whole_cifar10()
    for mode, split, start, count in (
        ("train", "train", 0, 40000),
        ("dev", "train", 40000, 10000),
        ("test", "test", 0, 10000),
    ):
        images, labels = load_cifar10(mode, "full")
        assert len(images) == len(labels) == count
        assert isinstance(images, np.memmap)
        np.testing.assert_array_equal(labels, whole[split][1][start : start + count])
        for index in (0, count - 1):
            np.testing.assert_array_equal(images[index], whole[split][0][start + index])
    data = CIFAR10Dataset("dev", "full")
    assert data.images.base is not None  # no copy of 30 MB


def test_opening_the_whole_cifar10_again_takes_less_than_a_second():
    whole_cifar10()
    code = (
        "import time, nndl.dataset as d; begin = time.perf_counter();"
        "[d.load_cifar10(mode, 'full') for mode in ('train', 'dev', 'test')];"
        "print(time.perf_counter() - begin)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], stdout=-1, text=True).stdout)
        for _ in range(2)
    ]
    assert min(times) < 1
    begin = time.perf_counter()
    load_cifar10("train", "full")
    assert time.perf_counter() - begin < 0.1


@pytest.fixture
def small_cache(tmp_path, monkeypatch):
    """A cache with the shapes of CIFAR-10, nearly all zeros (sparse on disk)."""
    folder = tmp_path / "cifar10"
    folder.mkdir()
    monkeypatch.setenv("NNDL_CACHE", str(tmp_path))
    sums = {}
    for split, count in (("train", 50000), ("test", 10000)):
        images = np.zeros((count, 3, 32, 32), np.uint8)
        images[[0, max(count - 10001, 1), count - 1], 0, 0, 0] = 1, 2, 3
        images[count - 10000, 2, 31, 31] = 4
        labels = (np.arange(count) % 10).astype(np.uint8)
        np.save(folder / f"{split}-images.npy", images)
        np.save(folder / f"{split}-labels.npy", labels)
        sums |= {f"{split}-images": formats.sha256_of(images)}
        sums |= {f"{split}-labels": formats.sha256_of(labels)}
    monkeypatch.setattr(formats, "CIFAR10_SHA256", sums)
    return folder


def test_a_cache_is_opened_whole_or_refused(small_cache):
    (train, _), (dev, labels) = (load_cifar10(mode, "full") for mode in ("train", "dev"))
    assert (train[0, 0, 0, 0], train[39999, 0, 0, 0]) == (1, 2)
    assert (dev[0, 2, 31, 31], dev[9999, 0, 0, 0]) == (4, 3)
    assert labels[:3].tolist() == [0, 1, 2] and labels.dtype == np.int64
    with open(small_cache / "test-images.npy", "r+b") as file:
        file.seek(5_000_000)
        file.write(b"\1")
    with pytest.raises(ValueError, match=r"test-images\.npy.*Remedy: python -m nndl.download"):
        load_cifar10("test", "full")
    with open(small_cache / "train-labels.npy", "r+b") as file:
        file.truncate(10_000)
    with pytest.raises(ValueError, match=r"train-labels\.npy.*no complete array file"):
        load_cifar10("dev", "full")
    (small_cache / "train-images.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-images\.npy missing.*subset='mini'"):
        load_cifar10("train", "full")


@pytest.mark.parametrize(
    "call",
    [
        lambda: load_mnist("dev"),
        lambda: load_cifar10("valid"),
        lambda: load_cifar10("train", "whole"),
        lambda: dataset.open_cifar10_cache("dev"),
        lambda: MNISTDataset("train+dev"),
        lambda: MNISTDataset("train", split="small"),
        lambda: CIFAR10Dataset("valid"),
        lambda: load_mnist(["train"]),
    ],
)
def test_unknown_names_are_refused(call):
    with pytest.raises(ValueError, match=r"must be one of '.*got "):
        call()


# -------------------------------------------------------------------------------------- samples


def test_samples_are_resized_and_normalised():
    images, labels = load_mnist_book()["dev"]
    data = MNISTDataset("dev")
    assert len(data) == 200
    for index in (0, 57, 199):
        X, y = data[index]
        picture = Image.fromarray(images[index]).resize((32, 32), Image.Resampling.BILINEAR)
        assert X.dtype == np.float32 and y.dtype == np.int64
        np.testing.assert_allclose(X, (np.float64(picture)[None] - 127.5) / 127.5, atol=1e-6)
        assert y == labels[index]
    images, labels = load_cifar10("dev")
    X, y = CIFAR10Dataset("dev")[3]
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.247, 0.2435, 0.2616])
    expected = (images[3] / 255 - mean[:, None, None]) / std[:, None, None]
    np.testing.assert_allclose(X, expected, atol=1e-5)
    assert y == labels[3]


def test_indices_count_from_either_end_and_no_further():
    data = MNISTDataset("test")
    for index in (-1, -200):
        np.testing.assert_array_equal(data[index][0], data[index + 200][0])
        assert data[index][1] == data[index + 200][1]
    assert data[np.int32(5)][1] == data[5][1]
    assert sum(1 for _ in data) == 200  # iteration ends
    for index in (200, -201, 10**12):
        with pytest.raises(IndexError, match="expected indices from 0 to 199"):
            data[index]
    for index in (1.0, True, np.True_, None, "3", slice(0, 3), [1, 2], np.array([1])):
        with pytest.raises(TypeError, match="one integer"):
            data[index]
    for indices in ([], [0.5], [True] * 200, [[1, 2]], 3, np.array([], int)):
        with pytest.raises(TypeError, match="sequence of integers"):
            data.batch(indices)
    with pytest.raises(IndexError):
        data.batch([0, 200])


def test_a_batch_is_its_samples():
    data = CIFAR10Dataset("dev")
    indices = [5, 3, 3, -1, 999]
    X, y = data.batch(indices)
    assert X.dtype == np.float32 and X.flags.c_contiguous
    np.testing.assert_array_equal(X, np.stack([data[index][0] for index in indices]))
    np.testing.assert_array_equal(y, [data[index][1] for index in indices])


@pytest.mark.parametrize("channels", [1, 3])
def test_any_transform_is_called_with_a_picture(channels):
    images = RNG.integers(0, 256, (4, channels, 9, 7)).astype(np.uint8)
    tensor = vision.Compose(
        [vision.ToTensor(), vision.Normalize([0.5] * channels, [0.5] * channels)]
    )
    data = ImageDataset(images, [0, 1, 2, 1], lambda picture: tensor(picture).numpy(), "abc")
    X, _ = data.batch([3, 1])
    np.testing.assert_allclose(X, (images[[3, 1]] / 255 - 0.5) / 0.5, atol=1e-6)
    seen = []
    ImageDataset(images, [0] * 4, lambda p: seen.append(p) or np.zeros((channels, 2, 2)), "a")[0]
    assert isinstance(seen[0], Image.Image) and seen[0].size == (7, 9)
    for shape in ((9,), (2, 1, 3, 3), (0, 3, 3)):
        wrong = ImageDataset(images, [0] * 4, lambda p, s=shape: np.zeros(s), "a")
        with pytest.raises(ValueError, match=r"must return one image \[D, M, N\]"):
            wrong[0]


def test_a_transform_may_change_the_channels_and_leave_them_last():
    images = RNG.integers(0, 256, (3, 3, 9, 7)).astype(np.uint8)
    for result, shape in [
        (vision.Compose([vision.Grayscale(1), vision.ToTensor()]), (1, 9, 7)),
        (vision.ToTensor(), (3, 9, 7)),
        (vision.Normalize([0] * 3, [255.0] * 3, data_format="HWC"), (3, 9, 7)),
        (lambda p: np.stack([np.asarray(p, "float32").mean(-1)] * 5), (5, 9, 7)),
        (lambda p: np.asarray(p)[..., 0], (1, 9, 7)),
    ]:
        data = ImageDataset(images, [0, 1, 2], result, "abc")
        assert data[0][0].shape == shape and data.batch([0, 2])[0].shape == (2, *shape)
    last = ImageDataset(images, [0] * 3, lambda p: np.asarray(p) / 255, "a")
    np.testing.assert_allclose(last[1][0], images[1] / 255, atol=1e-6)
    grey = ImageDataset(images[:, 0], [0] * 3, vision.Grayscale(3), "a")
    np.testing.assert_array_equal(grey[2][0], np.stack([images[2, 0]] * 3))
    sizes = iter([(1, 4, 4), (1, 4, 5)])
    uneven = ImageDataset(images, [0] * 3, lambda p: np.zeros(next(sizes)), "a")
    with pytest.raises(ValueError, match=r"one shape, got \[\[1, 4, 4\], \[1, 4, 5\]\]"):
        uneven.batch([0, 1])


def test_transforms_keep_their_order():
    images = np.zeros((2, 1, 4, 4), np.uint8)
    late = ImageDataset(images, [0, 0], Compose([Normalize(0, 1), Resize(2)]), "a")
    with pytest.raises(TypeError, match="uint8"):
        late[0]
    twice = ImageDataset(images, [0, 0], Compose([Resize(8), Resize(3), Normalize(1, 2)]), "a")
    np.testing.assert_array_equal(twice[1][0], np.full((1, 3, 3), -0.5))


@pytest.mark.parametrize(
    "change, error",
    [
        ({"images": np.zeros((2, 4, 4))}, ValueError),
        ({"images": np.zeros((2, 4), np.uint8)}, ValueError),
        ({"images": np.zeros((0, 4, 4), np.uint8), "labels": np.zeros(0, int)}, ValueError),
        ({"labels": [0]}, ValueError),
        ({"labels": [0.0, 1.0]}, ValueError),
        ({"labels": [[0], [1]]}, ValueError),
        ({"labels": [0, 2]}, ValueError),
        ({"labels": [-1, 0]}, ValueError),
        ({"transforms": None}, TypeError),
    ],
)
def test_what_is_no_image_set_is_refused(change, error):
    good = {"images": np.zeros((2, 4, 4), np.uint8), "labels": [0, 1]}
    arguments = {"transforms": Normalize(0, 1), "classes": "ab", **good, **change}
    with pytest.raises(error, match=r"expected|must be"):
        ImageDataset(**arguments)
    ImageDataset(**{**arguments, **good, "transforms": Normalize(0, 1)})


def test_the_books_data_set_class():
    images, labels = load_mnist_book()["test"]
    book = [images.reshape(200, 784).tolist(), labels.tolist()]  # as its json file has them
    paddles = vision.Compose(
        [vision.Resize(32), vision.Normalize(mean=[127.5], std=[127.5], data_format="CHW")]
    )
    data = MNIST_dataset(dataset=book, transforms=paddles, mode="test")
    expected, own = MNISTDataset("test"), MNIST_dataset((images.astype(float), labels))
    assert len(data) == 200
    for index in (0, 199):
        np.testing.assert_allclose(data[index][0], expected[index][0], atol=1e-6)
        np.testing.assert_allclose(own[index][0], expected[index][0], atol=1e-6)
        assert data[index][1] == expected[index][1]


@pytest.mark.parametrize(
    "pair",
    [
        *(None, 3, [], [1, 2, 3], (7, 8), ([], [])),
        (np.zeros((2, 783)), [0, 1]),
        (np.zeros((2, 784)), [0]),
        (np.zeros((2, 784)), [0, 10]),
        (np.full((2, 784), -1.5), [0, 1]),
        (np.zeros((2, 784)), [0.5, 1.0]),
        (np.full((2, 784), -1), [0, 1]),
        (np.full((2, 784), 256), [0, 1]),
        (np.full((2, 784), np.nan), [0, 1]),
        (np.full((2, 784), np.inf), [0, 1]),
        ([[1, 2], [3]], [0, 1]),
        (np.full((2, 784), "a"), [0, 1]),
    ],
)
def test_what_is_no_pair_of_digits_and_labels_is_refused(pair):
    with pytest.raises(ValueError, match="expect"):
        MNIST_dataset(pair)


@pytest.mark.parametrize("written", [float, int, lambda p: p + 0.49])
def test_the_books_file_is_read(tmp_path, written):
    parts = load_mnist_book()
    content = json.dumps(
        [
            [[[float(written(int(v))) for v in image.ravel()] for image in images[:3]],
             labels[:3].tolist()]
            for images, labels in (parts[mode] for mode in ("train", "dev", "test"))
        ]
    )  # fmt: skip
    path = tmp_path / "mnist.json.gz"
    path.write_bytes(gzip.compress(content.encode()))
    for mode, part in (("train", "train"), ("dev", "dev"), ("valid", "dev"), ("test", "test")):
        data = MNIST_dataset(path, mode=mode)
        np.testing.assert_array_equal(data.images[:, 0], parts[part][0][:3])
        assert data.labels.tolist() == parts[part][1][:3].tolist()
    with gzip.open(path) as file:  # as the book's cell does
        _, dev_set, _ = json.load(file)
    for given in (dev_set, [np.array(dev_set[0], "float32"), dev_set[1]]):
        np.testing.assert_array_equal(
            MNIST_dataset(dataset=given).images[:, 0], parts["dev"][0][:3]
        )
    with pytest.raises(ValueError, match="mode must be one of"):
        MNIST_dataset(path, mode="valid_set")
    with pytest.raises(FileNotFoundError, match=r"got '.*nowhere', which is no file"):
        MNIST_dataset(tmp_path / "nowhere")
    for content in (b"[1, 2]", b"no json", b"{}", b"3"):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(ValueError, match="JSON of three pairs"):
            MNIST_dataset(str(path))


def test_fractions_are_pixels_too():
    pixels = RNG.integers(0, 256, (4, 784)).astype(np.uint8)
    pixels[:, :2] = 0, 255
    for scaled in (pixels / 255, pixels / 127.5 - 1, (pixels / 255).astype("float32")):
        data = MNIST_dataset((scaled, [0.0, 1.0, 2.0, 3.0]))
        np.testing.assert_array_equal(data.images.reshape(4, 784), pixels)
        assert data.labels.tolist() == [0, 1, 2, 3]
    dark = MNIST_dataset((np.ones((1, 784), int), [0]))
    assert dark.images.max() == 1  # whole numbers are bytes


# ------------------------------------------------------------------------- sets in MNIST's form


def write_idx(folder, names, count=24, low=0, high=9, packed=True):
    folder.mkdir(exist_ok=True)
    sets = {}
    for split, (images_name, labels_name) in names.items():
        images = RNG.integers(0, 256, (count, 6, 5)).astype(np.uint8)
        labels = np.resize(np.arange(low, high + 1), count).astype(np.uint8)
        for name, array in ((images_name, images), (labels_name, labels)):
            raw = idx(array)
            path = folder / (name + ".gz" if packed else name)
            path.write_bytes(gzip.compress(raw) if packed else raw)
        sets[split] = images, labels
    return sets


USUAL = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def emnist(kind):
    return {
        split: tuple(
            f"emnist-{kind}-{split}-{part}-ubyte" for part in ("images-idx3", "labels-idx1")
        )
        for split in ("train", "test")
    }


@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_is_read_raw_and_gzipped(tmp_path, packed):
    sets = write_idx(tmp_path, USUAL, packed=packed)
    for split, (images, labels) in sets.items():
        found, marks, classes = load_idx(tmp_path, split)
        np.testing.assert_array_equal(found, images)
        assert marks.tolist() == labels.tolist() and classes == tuple("0123456789")
    parts = {
        mode: MNISTDataset(mode, size=28, folder=tmp_path, classes=FASHION_MNIST_CLASSES)
        for mode in ("train", "dev", "test", "train+dev")
    }
    assert [len(part) for part in parts.values()] == [22, 2, 24, 24]
    np.testing.assert_array_equal(parts["dev"].images[:, 0], sets["train"][0][22:])
    assert parts["test"].classes[parts["test"].labels[9]] == "Ankle boot"
    assert parts["train"][0][0].shape == (1, 28, 28)


@pytest.mark.parametrize(
    "kind, low, high, names",
    [("letters", 1, 26, "AZ"), ("balanced", 0, 46, "0t"), ("byclass", 0, 61, "0z"),
     ("digits", 0, 9, "09"), ("bymerge", 0, 46, "0t")],
)  # fmt: skip
def test_emnist_is_turned_upright_with_its_letters(tmp_path, kind, low, high, names):
    sets = write_idx(tmp_path, emnist(kind), count=62, low=low, high=high)
    images, labels, classes = load_idx(tmp_path, "test")
    np.testing.assert_array_equal(images, sets["test"][0].transpose(0, 2, 1))
    assert classes == EMNIST_CLASSES[kind] and len(classes) == high - low + 1
    assert labels.min() == 0 and labels.max() == high - low
    assert classes[0] + classes[-1] == names


def test_raw_official_files_will_do(tmp_path, monkeypatch):
    source = dataset.data_folder() / "mnist"
    (tmp_path / "mnist").mkdir()
    for path in source.glob("t10k*.gz"):
        (tmp_path / "mnist" / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    monkeypatch.setenv("NNDL_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("NNDL_CACHE", str(tmp_path))
    np.testing.assert_array_equal(mnist._mnist.__wrapped__("test")[0], load_mnist("test")[0])


def test_folders_that_are_no_such_set_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte.*found none"):
        load_idx(tmp_path / "nowhere")
    write_idx(tmp_path, emnist("letters"))
    write_idx(tmp_path, emnist("digits"))
    with pytest.raises(FileNotFoundError, match="keep each set in a folder of its own"):
        load_idx(tmp_path)
    other = tmp_path / "other"
    write_idx(other, USUAL, high=11)
    with pytest.raises(ValueError, match="labels from 0 to 9 for 10 classes, got 0 to 11"):
        load_idx(other, classes=FASHION_MNIST_CLASSES)
    (other / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match="B labels"):
        load_idx(other)
    with pytest.raises(ValueError, match="split must be one of"):
        load_idx(other, "dev")


def test_splits_of_the_whole_cifar10_share_no_image(monkeypatch):
    def cache(split):
        numbers = np.arange({"train": 50000, "test": 10000}[split])
        return numbers, numbers + (split == "test") * 50000

    monkeypatch.setattr("nndl.dataset.cifar10.open_cifar10_cache", cache)
    for subset, sizes in (("full", (40000, 10000, 10000)), ("paper", (45000, 5000, 10000))):
        parts = [load_cifar10(mode, subset)[1] for mode in ("train", "dev", "test")]
        assert tuple(map(len, parts)) == sizes
        assert np.array_equal(np.concatenate(parts), np.arange(60000))
