"""Data files: read right, or refused by name, and never run; the file on disk stays as it is."""

import gzip
import io
import json
import pickle
import struct
import tarfile

import numpy as np
import pytest
from mutations import malicious_pickles, mutations, object_archive
from PIL import Image

from nndl.dataset import cifar10, mnist
from nndl.dataset.files import formats
from tests.dataset.files.test_safepickle import python2_array

RNG = np.random.default_rng(0)


def idx(array, code=8):
    """An IDX file written by its definition."""
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


# ------------------------------------------------------------------------------------------ IDX


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "array, code",
    [
        (RNG.integers(0, 256, (5, 4, 3)).astype(np.uint8), 0x08),
        (np.array([-1, 5], np.int8), 0x09),
        (np.array([[-300, 300]], np.int16), 0x0B),
        (np.array([1 << 30], np.int32), 0x0C),
        (np.array([0.5, -2], np.float32), 0x0D),
        (np.array([1e300]), 0x0E),
    ],
)
def test_idx_is_read(tmp_path, array, code, packed):
    raw = idx(array, code)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    found = formats.read_idx(path, formats.sha256_of(raw))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "starts with"),
        (b"\0\0\x08", "starts with"),
        (b"\0\0\x08\x00", "starts with"),
        (b"\0\0\x07\x01\0\0\0\x01x", "starts with"),
        (b"\0\x01\x08\x01\0\0\0\x01x", "starts with"),
        (b"\0\0\x08\x03\0\0\0\x01", "ends inside its header"),
        (b"\0\0\x08\x01\0\0\0\x02x", "truncated"),
        (b"\0\0\x08\x01\0\0\0\x01xy", "followed by something else"),
        (b"\0\0\x08\x04" + b"\xff" * 16, "truncated"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x01x", mtime=0)[:-6], "gzip"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x01x", mtime=0)[:12], "gzip"),
        (b"\x1f\x8b rubbish", "gzip"),
        (b"\x89PNG\r\n\x1a\n", "starts with"),
    ],
)
def test_idx_that_is_none_is_refused(tmp_path, content, reason):
    path = tmp_path / "digits.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"digits\.gz cannot be used: .*{reason}.*Remedy: again"):
        formats.read_idx(path, remedy="again")


def test_idx_of_another_set_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match=r"sha256 aaaaaaaaaaaaaaaa… expected, [0-9a-f]{16}… found"):
        formats.read_idx(path, "a" * 64)
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        formats.read_idx(tmp_path / "nowhere")


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "_MAX_BYTES", 10_000)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(1_000_000)))
    with pytest.raises(ValueError, match="unpacks to more than"):
        formats.read_idx(path)
    path.write_bytes(bytes(10_001))
    with pytest.raises(ValueError, match="larger than"):
        formats.read_idx(path)


# -------------------------------------------------------------------------------------- pictures


def test_mosaics_of_both_layouts(tmp_path):
    images = RNG.integers(0, 256, (6, 3, 32, 32)).astype(np.uint8)
    tiles = np.zeros((64, 96, 3), np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, 3)
        tile = tiles[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
        tile[:] = np.moveaxis(image, 0, -1)
    (tmp_path / "tiles.png").write_bytes(png(tiles))
    lines = np.stack([np.moveaxis(image, 0, -1).reshape(1024, 3) for image in images])
    digest = formats.sha256_of(images)
    found = formats.read_mosaic(tmp_path / "tiles.png", 3, 6, digest)
    np.testing.assert_array_equal(found, images)
    found = formats.read_mosaic(io.BytesIO(png(lines)), 0, 6, digest, name="lines")
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize(
    "pixels, arguments",
    [
        (np.zeros((32, 64, 3), np.uint8), {"columns": 3}),
        (np.zeros((33, 64, 3), np.uint8), {"columns": 2}),
        (np.zeros((32, 64), np.uint8), {"columns": 2}),
        (np.zeros((32, 64, 4), np.uint8), {"columns": 2}),
        (np.zeros((32, 64, 3), np.uint8), {"columns": 2, "count": 3}),
        (np.zeros((32, 64, 3), np.uint8), {"columns": 2, "sha256": "0" * 64}),
        (np.zeros((5, 1023, 3), np.uint8), {"columns": 0}),
    ],
)
def test_other_pictures_are_refused(tmp_path, pixels, arguments):
    path = tmp_path / "picture.png"
    path.write_bytes(png(pixels))
    with pytest.raises(ValueError, match=r"picture\.png cannot be used"):
        formats.read_mosaic(path, **arguments)


# ---------------------------------------------------------------------------------- array files


def test_array_files_are_mapped_not_read(tmp_path):
    array = RNG.integers(0, 256, (7, 3, 4)).astype(np.uint8)
    path = tmp_path / "a.npy"
    np.save(path, array)
    found = formats.open_array(path, (7, 3, 4), formats.sha256_of(array))
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_other_array_files_are_refused(tmp_path):
    array = RNG.integers(0, 256, (6, 4)).astype(np.uint8)
    sentinel = tmp_path / "sentinel"
    good, path = npy(array), tmp_path / "a.npy"
    cases = {
        "empty": b"",
        "another shape": npy(array.reshape(4, 6)),
        "another order": npy(np.asfortranarray(array)),
        "signed": npy(array.view(np.int8)),
        "boolean": npy(array.view(bool)),
        "other values": npy(array + 1),
        "objects": npy(np.array([None])),
        "an archive": object_archive(str(sentinel)),
        "shorter": good[:-1],
        "longer": good + b"\0",
        "another version": good.replace(b"\x93NUMPY\x01\x00", b"\x93NUMPY\x03\x00"),
        "header": good.replace(b"'descr'", b"__i__()"),
        **{f"pickle {n}": c for n, c in enumerate(malicious_pickles(str(sentinel)))},
    }
    for content in cases.values():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.npy cannot be used: .*Remedy: again"):
            formats.open_array(path, (6, 4), formats.sha256_of(array), "again")
    assert not sentinel.exists()
    with pytest.raises(FileNotFoundError):
        formats.open_array(tmp_path / "b.npy", (6, 4), "")


def test_a_file_found_right_is_compared_again_once_it_changed(tmp_path):
    array = np.zeros(50, np.uint8)
    path, other = tmp_path / "a.npy", tmp_path / "b.npy"
    np.save(path, array)
    formats.open_array(path, (50,), formats.sha256_of(array))
    np.save(other, array + 1)
    other.replace(path)
    with pytest.raises(ValueError, match="altered"):
        formats.open_array(path, (50,), formats.sha256_of(array))


# ------------------------------------------------------------------- CIFAR-10's official archive

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def python2_batch(images, labels):
    """A batch as the official archive holds it: written by Python 2, protocol 2."""
    values = b"".join(b"K" + bytes([label]) for label in labels)
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03"
        b"U\x06labelsq\x04]q\x05(" + values + b"eU\x04dataq\x06" + python2_array(images) + b"u."
    )


def python3_batch(images, labels):
    return pickle.dumps({b"data": images, b"labels": labels}, protocol=4)


def archive(batches, extra=()):
    """A tar.gz of (name, content) below the official folder, and other members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as file:
        for name, content in batches:
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
        for member in extra:
            file.addfile(member)
    return stream.getvalue()


def cifar(count=4):
    images = RNG.integers(0, 256, (6, count, 3072)).astype(np.uint8)
    labels = RNG.integers(0, 10, (6, count)).tolist()
    arrays = {
        "train-images": images[:5].reshape(-1, 3, 32, 32),
        "train-labels": np.ravel(labels[:5]),
        "test-images": images[5].reshape(-1, 3, 32, 32),
        "test-labels": np.ravel(labels[5]),
    }
    return images, labels, arrays


@pytest.mark.parametrize("write", [python2_batch, python3_batch])
def test_the_official_archive_is_read_without_unpickling(tmp_path, monkeypatch, write):
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    images, labels, expected = cifar()
    batches = [(name, write(*batch)) for name, *batch in zip(NAMES, images, labels, strict=True)]
    order = [3, 5, 0, 1, 4, 2]  # of the members; that of the images is by name
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(archive([("batches.meta", b"?"), *(batches[n] for n in order)]))
    sums = {key: formats.sha256_of(value.astype(np.uint8)) for key, value in expected.items()}
    found = formats.read_cifar10_archive(path, sums)
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)
        assert found[key].dtype == np.uint8
    with pytest.raises(ValueError, match=r"train-images\) cannot be used.*sha256 9d5c2edd"):
        formats.read_cifar10_archive(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_archive_that_is_not_the_set_is_refused(tmp_path):
    images, labels, _ = cifar(2)
    good = [(n, python3_batch(*b)) for n, *b in zip(NAMES, images, labels, strict=True)]
    sentinel, path = tmp_path / "sentinel", tmp_path / "cifar.tar.gz"
    link = tarfile.TarInfo("cifar-10-batches-py/test_batch")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    first = images[0]
    wrong = [
        pickle.dumps([1, 2]),
        pickle.dumps({"data": first}),
        pickle.dumps({"data": first, "labels": [1]}),
        pickle.dumps({"data": first, "labels": [1, 10]}),
        pickle.dumps({"data": first, "labels": [1, True]}),
        pickle.dumps({"data": first[:, 1:], "labels": [1, 2]}),
        pickle.dumps({"data": first.astype(np.int16), "labels": [1, 2]}),
        b"",
        *malicious_pickles(str(sentinel)),
    ]
    cases = [
        b"",
        b"not an archive",
        archive(good)[:-200],
        archive(good[:5]),
        archive([*good, good[0]]),
        archive(good[:5], [link]),
        *(archive([("data_batch_1", content), *good[1:]]) for content in wrong),
    ]
    for content in cases:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"cifar\.tar\.gz.* cannot be used: .*Remedy: again"):
            formats.read_cifar10_archive(path, {}, "again")
        assert path.read_bytes() == content
    assert not sentinel.exists()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        formats.read_cifar10_archive(tmp_path / "nowhere")


# ------------------------------------------------------------------------- a thousand mutations


def subject(kind, tmp_path, monkeypatch):
    """(path, intact content, what reads it) of one kind of data file."""
    if kind == "idx":
        images = RNG.integers(0, 256, (9, 8, 8)).astype(np.uint8)
        raw, path = idx(images), tmp_path / "digits.gz"
        digest = formats.sha256_of(raw)
        return path, gzip.compress(raw, 1), lambda: formats.read_idx(path, digest)
    if kind == "mosaic":
        pixels, path = RNG.integers(0, 256, (32, 64, 3)).astype(np.uint8), tmp_path / "tiles.png"
        tiles = pixels.reshape(32, 2, 32, 3).transpose(1, 3, 0, 2)
        digest = formats.sha256_of(tiles)
        return path, png(pixels), lambda: formats.read_mosaic(path, 2, 2, digest)
    if kind == "array":
        array, path = RNG.integers(0, 256, (20, 30)).astype(np.uint8), tmp_path / "images.npy"
        digest = formats.sha256_of(array)
        return path, npy(array), lambda: formats.open_array(path, (20, 30), digest)
    if kind == "labels":
        folder = tmp_path / "cifar10-mini"
        folder.mkdir()
        (tmp_path / "checksums.json").write_text("{}")
        monkeypatch.setenv("NNDL_DATA", str(tmp_path))
        monkeypatch.setattr(cifar10, "MINI_COUNTS", {"dev": 20})
        pixels = RNG.integers(0, 256, (32, 20 * 32, 3)).astype(np.uint8)
        tiles = pixels.reshape(32, 20, 32, 3).transpose(1, 3, 0, 2)
        monkeypatch.setattr(cifar10, "MINI_SHA256", {"dev": formats.sha256_of(tiles)})
        monkeypatch.setattr(cifar10, "_MINI_COLUMNS", 20)
        (folder / "dev.png").write_bytes(png(pixels))
        digits = "01234567899876543210"
        digest = formats.sha256_of(np.array([*map(int, digits)], np.uint8))
        monkeypatch.setattr(cifar10, "MINI_LABELS_SHA256", {"dev": digest})
        text = json.dumps({"dev": {"labels": digits}})
        read = cifar10._cifar10_mini.__wrapped__
        return folder / "labels.json", text.encode(), lambda: read("dev")[1]
    images, labels, expected = cifar(2)
    batches = [(n, python2_batch(*b)) for n, *b in zip(NAMES, images, labels, strict=True)]
    sums = {key: formats.sha256_of(value.astype(np.uint8)) for key, value in expected.items()}
    path = tmp_path / "cifar-10-python.tar.gz"
    read = formats.read_cifar10_archive
    if kind == "archive":
        return path, archive(batches), lambda: np.concatenate(_flat(read(path, sums)))
    # The archive is whole and the pickle in it is not.
    inner = tmp_path / "data_batch_1"

    def read_inner():
        path.write_bytes(archive([("data_batch_1", inner.read_bytes()), *batches[1:]]))
        return np.concatenate(_flat(read(path, sums)))

    return inner, batches[0][1], read_inner


def _flat(arrays):
    return [arrays[key].ravel() for key in sorted(arrays)]


@pytest.mark.parametrize(
    "kind, count",
    [
        ("idx", 220),
        ("mosaic", 220),
        ("array", 220),
        ("labels", 120),
        ("archive", 110),
        ("pickle", 110),
    ],
)
def test_mutated_files_are_refused_or_recognised_as_intact(tmp_path, monkeypatch, kind, count):
    sentinel = tmp_path / "sentinel"
    path, intact, read = subject(kind, tmp_path, monkeypatch)
    path.write_bytes(intact)
    expected = np.array(read())
    bad = malicious_pickles(str(sentinel))
    if kind == "labels":  # as many of each, two in each other's place
        bad.append(intact.replace(b"01", b"10", 1))
    foreign = [*bad, object_archive(str(sentinel)), png(np.zeros((3, 3, 3), np.uint8)), b""]
    damaged = [content for _, content in mutations(intact, RNG, count, bad)]
    outcomes = {"refused": 0, "intact": 0}
    for number, content in enumerate([*damaged, *foreign]):
        path.unlink()
        path.write_bytes(content)
        formats._FOUND_RIGHT.clear()
        try:
            found = read()
        except ValueError as error:
            outcomes["refused"] += 1
            name = "cifar-10-python.tar.gz" if kind == "pickle" else path.name
            assert name in str(error) and "Remedy" in str(error), (number, error)
        else:
            outcomes["intact"] += 1
            np.testing.assert_array_equal(found, expected)
        assert path.read_bytes() == content
        assert not sentinel.exists()
    assert outcomes["refused"] >= 0.6 * len(damaged) + len(foreign), outcomes


def test_swapped_official_files_are_refused(tmp_path, monkeypatch):
    source = cifar10.data_folder()
    (tmp_path / "mnist").mkdir()
    (tmp_path / "checksums.json").write_text("{}")
    names = list(formats.MNIST_SHA256)
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        content = (source / "mnist" / f"{other}.gz").read_bytes()
        (tmp_path / "mnist" / f"{name}.gz").write_bytes(content)
    monkeypatch.setenv("NNDL_DATA", str(tmp_path))
    for name in names:
        with pytest.raises(ValueError, match=rf"{name}.*belongs to another file.*restore data/"):
            mnist._mnist_file(name)
