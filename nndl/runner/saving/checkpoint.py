"""Files of weights: written atomically, refused when altered, unable to run code.

A model's file is what `paddle.load` reads, a pickle of arrays; a checkpoint, and a model whose
name ends in `.safetensors`, is safetensors (NumPy's .npz where that is not installed). Each holds
a JSON record and a SHA-256 sum of everything in it; in the pickle they are a text that is pushed
and popped again before the arrays come. Pickles are read by a reader that only builds arrays;
in those that others wrote the sum is missing, so that an altered number cannot be noticed.
"""

import contextlib
import glob
import hashlib
import io
import json
import os
import pickle
import struct
import tempfile
from pathlib import Path

import numpy as np
import paddle

from ...dataset.files.safepickle import read_pickle

try:
    from safetensors import SafetensorError
    from safetensors.numpy import load as _parse_safetensors
    from safetensors.numpy import save as _build_safetensors
except ImportError:
    _build_safetensors = None

_RECORD, _SUM = "nndl", "sha256"
_PROTOCOL, _TEXT, _POP = b"\x80\x04", b"X", b"0"  # of the pickle protocol, version 4


def _checksum(arrays, record):
    """SHA-256 over the record and every array's name, type, shape and bytes."""
    total = hashlib.sha256(record.encode())
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def write_file(path, arrays, record):
    """Write arrays and a record so that either the whole new file or the old one is there.

    Parameters
    ----------
    path : str or Path
        Its folder is made where missing. `.safetensors` and `.nndl` are safetensors, all others
        what `paddle.load` reads.
    arrays : dict of str to ndarray
    record : dict
        Anything that JSON can hold; `record['run_id']` names the temporary file, so that a run
        that was killed while writing cleans up after itself when it goes on.

    Raises
    ------
    RuntimeError
        The file could not be written (full disk, no permission): the old one is untouched.
    """
    path = Path(path)
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(record)
    labels = {_RECORD: text, _SUM: _checksum(arrays, text)}
    temporary = path.with_name(f".{path.name}.{record.get('run_id', os.getpid())}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            if path.suffix not in (".safetensors", ".nndl"):
                file.write(_build_pickle(arrays, labels))
            elif _build_safetensors:
                file.write(_build_safetensors(arrays, labels))
            else:
                np.savez(file, **arrays, **{f"//{k}": np.array(v) for k, v in labels.items()})
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        state = "is as it was" if path.exists() else "does not exist"
        raise RuntimeError(
            f"{path} could not be written: {error.strerror or error}; the file {state}. "
            "Free some space or name a folder you may write to, then go on"
        ) from error
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _sync_folder(folder):
    """Make the rename itself survive a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _build_pickle(arrays, labels):
    body, text = pickle.dumps(arrays, protocol=4), json.dumps(labels).encode()
    return _PROTOCOL + _TEXT + struct.pack("<I", len(text)) + text + _POP + body[2:]


def _read_pickle(content, path):
    arrays = _flat(read_pickle(content, path, "save it again, or download it again"))
    if content[2:3] != _TEXT:
        return arrays, {}
    (size,) = struct.unpack("<I", content[3:7])
    return arrays, json.loads(content[7 : 7 + size])


def read_file(path):
    """Read what `write_file` wrote, a plain safetensors file, or a `.pdparams` of the book.

    Returns
    -------
    arrays : dict of str to ndarray
    record : dict
        Empty for a file that `write_file` did not write.

    Raises
    ------
    FileNotFoundError
    ValueError
        Truncated, altered, or something else altogether; nothing in it was executed.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}; has the run saved it yet?") from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {error.strerror or error}; name a file of weights"
        ) from error
    try:
        if content[:4] == b"PK\x03\x04":
            arrays, labels = _read_npz(content)
        elif content[:1] == b"\x80" and content[8:9] != b"{":
            arrays, labels = _read_pickle(content, path)
        elif content[:4] == bytes(4):
            raise ValueError(
                "it holds a network of paddle.jit.save or paddle.static: load it by paddle.jit.load"
            )
        else:
            arrays, labels = _read_safetensors(content)
        if not labels:
            return arrays, {}
        if set(labels) != {_RECORD, _SUM}:
            raise ValueError("its labels are incomplete")
        if _checksum(arrays, labels[_RECORD]) != labels[_SUM]:
            raise ValueError("its content does not match its SHA-256 sum")
        return arrays, json.loads(labels[_RECORD])
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(
            f"{path} cannot be used: {error}. It is truncated, altered or no weights file; "
            "nothing in it was executed. Remedy: use another copy, or train again"
        ) from error


def _read_npz(content):
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            everything = {name: file[name] for name in file.files}
    except Exception as error:  # damage can surface anywhere in zipfile, zlib or NumPy
        raise ValueError(f"damaged .npz archive ({type(error).__name__}: {error})") from error
    labels = {n[2:]: str(everything.pop(n)) for n in list(everything) if n.startswith("//")}
    return everything, labels


def _read_safetensors(content):
    if _build_safetensors is None:
        raise ValueError("reading it needs the package safetensors: pip install safetensors")
    try:
        arrays = _parse_safetensors(content)
        size = int.from_bytes(content[:8], "little")
        labels = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    except (SafetensorError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"no valid safetensors ({error})") from error
    ours = any(name in labels for name in (_RECORD, _SUM))
    return arrays, labels if ours else {}


def _flat(state):
    """The arrays of a pickled state_dict, which may lie inside a dictionary of a whole run."""
    if not isinstance(state, dict):
        raise ValueError("its pickle holds no state_dict")
    arrays = {}
    for name, value in state.items():
        # Older Paddle stores each as a pair (name, array).
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], np.ndarray):
            value = value[1]
        if isinstance(value, np.ndarray):
            arrays[name] = value
    if arrays:
        return arrays
    inner = {}
    for name, value in state.items():
        with contextlib.suppress(ValueError):
            inner[name] = _flat(value)
    named = [name for name in _MODEL_KEYS if name in inner] or list(inner)
    if not inner:
        raise ValueError("its pickle holds no arrays")
    if len(named) > 1 and named[0] not in _MODEL_KEYS:
        raise ValueError(f"its pickle holds several dictionaries of arrays, {', '.join(named)}")
    return inner[named[0]]


#: under which a run's file keeps the weights
_MODEL_KEYS = ("model", "state_dict", "model_state_dict", "net", "network", "params", "weights")


def model_arrays(model):
    """Every parameter and buffer of a model's state_dict as an array."""
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def _adapted(model, arrays):
    """Arrays under the model's names and in its types, where that is clear, and what was done."""
    target, done = model.state_dict(), []
    if hasattr(model, "names_of_others"):
        arrays, said = model.names_of_others(arrays)
        done += said
    # 'module.' or '_layers.' before every name: saved from a wrapper of the model.
    first = next(iter(target), "")
    prefixes = {name[: -len(first)] for name in arrays if name.endswith(f".{first}")}
    for prefix in prefixes:
        if {n[len(prefix) :] for n in arrays if n.startswith(prefix)} == set(target):
            arrays = {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}
            done.append(f"{prefix!r} was taken off every name")
    columns, half = [], []
    arrays = dict(arrays)
    for name, tensor in target.items():
        array = arrays.get(name)
        if array is None:
            continue
        if tensor.ndim == 1 and list(array.shape) == [*tensor.shape, 1]:
            arrays[name] = array = array[:, 0]
            columns.append(name)
        if tensor.dtype == paddle.float32 and array.dtype in (np.float16, np.uint16):
            bits = array.dtype == np.uint16  # how Paddle stores bfloat16
            wide = (array.astype(np.uint32) << 16).view(np.float32) if bits else array
            arrays[name] = wide.astype(np.float32)
            half.append(name)
    if columns:
        done.append(f"{', '.join(columns)}: [P, 1] was read as [P]")
    if half:
        done.append("half precision was widened to float32")
    return arrays, done


def load_weights(model, arrays, source, strict=True):
    """Copy arrays into a model's parameters and buffers, after checking all of them.

    Names and types of others are adapted where the meaning is clear, and a line says what was
    done: the book's biases [P, 1] and ResNet18, a prefix before every name, half precision.

    Parameters
    ----------
    model : paddle.nn.Layer
    arrays : dict of str to ndarray
    source : str or Path
        Where they come from, for the error.
    strict : bool, default True
        False loads what fits and leaves the rest as it is.

    Returns
    -------
    list of str
        Every mismatch, in words; empty when strict.

    Raises
    ------
    ValueError
        Names every mismatch of names, shapes or types; the model is unchanged.
    """
    target = model.state_dict()
    given, (arrays, adapted) = arrays, _adapted(model, arrays)
    wrong, fitting = [], {}
    for name, tensor in target.items():
        if name not in arrays:
            wrong.append(f"{name} {list(tensor.shape)} is missing in the file")
            continue
        array = arrays[name]
        have = "uint16" if tensor.dtype == paddle.bfloat16 else str(tensor.dtype).split(".")[-1]
        if list(array.shape) != list(tensor.shape):
            wrong.append(f"{name} is {list(array.shape)} in the file, {list(tensor.shape)} here")
        elif array.dtype.name != have:
            wrong.append(f"{name} is {array.dtype.name} in the file, {have} here")
        else:
            fitting[name] = array
    wrong += [
        f"{name} {list(array.shape)} of the file has no place in the model"
        for name, array in arrays.items()
        if name not in target
    ]
    if wrong and not fitting and any(n.endswith(("_moment1_0", "_velocity_0")) for n in given):
        raise ValueError(
            f"{source} holds the state of an optimizer, not of a model: load the model's file"
        )
    if wrong and (strict or not fitting):
        raise ValueError(
            f"{source} holds the weights of another network than {type(model).__name__}: "
            + "; ".join(wrong)
            + ". Build the model that the file was saved from"
            + (", or load what fits with strict=False" if fitting else "")
        )
    for name, array in fitting.items():
        target[name].set_value(array)
    if adapted:
        print(f"{source}: {'; '.join(adapted)}.")
    return wrong


def network_of(state):
    """A short fingerprint of the names and shapes in a state_dict, or in a model's."""
    state = state.state_dict() if isinstance(state, paddle.nn.Layer) else state
    shapes = sorted((name, list(array.shape)) for name, array in state.items())
    return hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:12]


def check_writable(path):
    """Make the folder of a file, and refuse a path that cannot be written.

    Raises
    ------
    RuntimeError
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise RuntimeError(
            f"{path} cannot be written: {error.strerror}; name a file in a folder of yours"
        ) from error


def set_aside(path, run_id, network):
    """Keep a file that another run wrote, before this run takes its name.

    It goes to `<name>.bak`, or the next free `<name>.bak2`, …; only a copy of an earlier run of
    the very network that is being trained is given up for a later one.

    Parameters
    ----------
    path : Path
    run_id : str
        The run that wants to write.
    network : str
        `network_of` its model.

    Returns
    -------
    str or None
        What was done, in a sentence.
    """
    if not path.exists():
        return None
    record = _record_of(path)
    if record.get("run_id") == run_id:
        return None
    backup, number = path.with_name(path.name + ".bak"), 1
    while backup.exists() and not (
        record.get("network") == network == _record_of(backup).get("network")
    ):
        number += 1
        backup = path.with_name(f"{path.name}.bak{number}")
    try:
        os.replace(path, backup)
    except OSError as error:
        raise RuntimeError(
            f"{path} is not of this run and could not be moved aside: {error.strerror}; "
            "name another file"
        ) from error
    what = "of another run" if "run_id" in record else "not written by nndl"
    return f"{path} was {what}: it is kept as {backup.name}."


def kept_of(path, run_id):
    """What `set_aside` made of a run's file of this name, or None."""
    backups = path.parent.glob(f"{glob.escape(path.name)}.bak*")
    return next((p for p in backups if _record_of(p).get("run_id") == run_id), None)


def _record_of(path):
    """The record of a file, that of a foreign file its network's; empty where there is none."""
    try:
        arrays, record = read_file(path)
    except ValueError:
        return {}
    return record or {"network": network_of(arrays)}
