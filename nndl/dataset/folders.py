"""Where data lie: the project's data folder, the cache of what was fetched."""

import os
from pathlib import Path

from .._arguments import path_of

REMEDY = "restore data/ from the project's repository"
FETCH = {name: f"python -m nndl.download {name}" for name in ("mnist", "cifar10")}


def data_folder():
    """The folder with the embedded data.

    Returns
    -------
    Path
        The folder named by the environment variable NNDL_DATA, else `data/` inside the installed
        package, else `data/` beside the package.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    package = Path(__file__).resolve().parents[1]
    named = os.environ.get("NNDL_DATA")
    candidates = [path_of(named)] if named else [package / "data", package.parent / "data"]
    for folder in candidates:
        if (folder / "checksums.json").is_file():
            return folder
    raise FileNotFoundError(
        f"expected the embedded data in {' or '.join(map(str, candidates))}, found no "
        "checksums.json there. Remedy: set NNDL_DATA to the project's data folder."
    )


def cache_folder():
    """The folder of downloaded sets: NNDL_CACHE, else ~/.cache/nndl. It need not exist."""
    return path_of(os.environ.get("NNDL_CACHE") or "~/.cache/nndl")


def frozen(array):
    array.flags.writeable = False
    return array


def one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
