"""Calls of the public functions with generated arguments, valid and not, each with its own judge.

What is right is computed here in another way than in the package: by `paddle.nn`, by a formula in
plain Python or float64 NumPy, or from the bytes of a data file. What is wrong is made wrong on
purpose, and has to be refused by the package itself, in words that say what came.
"""

import collections
import gzip
import json
import re
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
from generated_data import forms, idx_sets, pictures
from generated_operators import Call, convolution, pick, pooling, sizes  # prepares the runtime
from generated_training import counting, files, seeds, training

# isort: split
import paddle
from PIL import Image

import nndl
from nndl import BatchLoader, MNIST_dataset, MNISTDataset
from nndl.dataset.images import ImageDataset

PACKAGE = Path(nndl.__file__).parent
NAMED = (ValueError, TypeError, FileNotFoundError, RuntimeError, IndexError)
#: a refusal says what came
SAYS = re.compile(
    r"\bgot\b|there is no file|cannot be read|cannot be used: |cannot be written|could not be "
    r"written|found (no|none|one)\b|must be alike|of an IterableDataset|an IterableDataset has|"
    r"samples of this data set are|in the file\b|of the file has|"
    r"the loss is nan at step \d+ .*learning rate"
)


def images(rng):
    """Data sets against PIL's resize and (x − 127.5) / 127.5, and bad ones."""
    count = int(rng.integers(1, 6))
    pixels = rng.integers(0, 256, (count, 28, 28)).astype("uint8")
    labels = rng.integers(0, 10, count)
    index = int(rng.integers(-count, count))
    fault = None
    if rng.integers(2):
        fault = pick(rng, "index", "kind of index", "labels", "range", "pixels", "values", "pair")
    shown = pixels.reshape(count, 784) if rng.integers(2) else pixels
    data = shown, labels
    if fault == "index":
        index = pick(rng, count, count + 7, -count - 1)
    elif fault == "kind of index":
        index = pick(rng, 0.0, "0", None, True, [0], slice(0, 1))
    elif fault == "labels":
        data = shown, pick(rng, labels[:-1], labels[:, None], labels + 0.5, labels.astype(str))
    elif fault == "range":
        data = shown, np.where(np.arange(count) == 0, pick(rng, 10, -1), labels)
    elif fault == "pixels":
        data = pick(rng, shown[..., :-1], shown[:0], shown.astype(str), 5), labels
    elif fault == "values":
        data = shown.astype(float) + pick(rng, 300.0, -300.0, np.nan), labels
    elif fault == "pair":
        data = pick(rng, shown, (shown, labels, labels), None, 3, "mnist", [])

    def run():
        return MNIST_dataset(data)[index]

    def expected():
        small = Image.fromarray(pixels[index]).resize((32, 32), Image.BILINEAR)
        return [(np.asarray(small, float)[None] - 127.5) / 127.5, labels[index]]

    return Call(f"MNIST_dataset, {count} images, [{index!r}], wrong: {fault}", run,
                None if fault else expected)  # fmt: skip


_official = {}


def _idx(name):
    """An official MNIST file, read here from its sixteen or eight bytes of header on."""
    if name not in _official:
        path = PACKAGE.parent / "data" / "mnist" / f"{name}.gz"
        _official[name] = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
    return _official[name]


def digits(rng):
    """The embedded MNIST against the bytes of the official files."""
    mode = pick(rng, "train", "dev", "test", "train+dev")
    start, length = {"train": (0, 55000), "dev": (55000, 5000), "test": (0, 10000)}.get(
        mode, (0, 60000)
    )
    prefix = "t10k" if mode == "test" else "train"
    index = int(rng.integers(length))
    arguments = {"mode": mode, "split": "full", "size": 28}
    valid = True
    if rng.integers(3) == 0:
        valid = False
        wrong = {
            "mode": pick(rng, "valid", "", None, 3), "split": pick(rng, "whole", None, 1),
            "size": pick(rng, 0, -3, "28", 2.5),
        }  # fmt: skip
        name = pick(rng, *wrong, "index")
        if name == "index":
            index = length
        else:
            arguments[name] = wrong[name]

    def run():
        key = tuple(arguments.items())
        if valid and key not in _official:
            _official[key] = MNISTDataset(**arguments)
        return (_official[key] if valid else MNISTDataset(**arguments))[index]

    def expected():
        place = start + index
        raw = _idx(f"{prefix}-images-idx3-ubyte")[16 + 784 * place :][:784].astype(float)
        label = _idx(f"{prefix}-labels-idx1-ubyte")[8 + place]
        return [(raw.reshape(1, 28, 28) - 127.5) / 127.5, label]

    return Call(f"MNISTDataset({arguments})[{index}]", run, expected if valid else None)


class Numbered:
    """A data set whose sample number i is (i, i² mod 7)."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return np.full(2, i, "float32"), i * i % 7


def batching(rng):
    """BatchLoader: every sample once, batches of the right size, order kept or not."""
    size, batch = int(rng.integers(1, 40)), int(rng.integers(1, 12))
    shuffle, drop, seed = bool(rng.integers(2)), bool(rng.integers(2)), int(rng.integers(1000))
    arguments = {"batch_size": batch, "shuffle": shuffle, "drop_last": drop, "seed": seed}
    data, valid = Numbered(size), True
    if rng.integers(3) == 0:
        valid = False
        name = pick(rng, "batch_size", "seed", "data", "augment")
        if name == "data":
            data = pick(rng, Numbered(0), 5, None, iter([1]))
        else:
            wrong = {"batch_size": (0, -1, 2.5, "4", None, True), "seed": (-1, 1.5, "a"),
                     "augment": (3, "flip", True)}[name]  # fmt: skip
            arguments[name] = pick(rng, *wrong)

    def run():
        loader = BatchLoader(data, **arguments)
        seen = list(loader)
        ids = [int(i) for X, _ in seen for i in X.numpy()[:, 0]]
        pairs = all((y.numpy() == X.numpy()[:, 0] ** 2 % 7).all() for X, y in seen)
        kept = len(set(ids)) if shuffle and drop else sorted(ids) if shuffle else ids
        return [kept, [len(y) for _, y in seen], len(loader), pairs]

    def expected():
        lengths = [batch] * (size // batch)
        if size % batch and not drop:
            lengths.append(size % batch)
        count = sum(lengths)
        return [count if shuffle and drop else list(range(count)), lengths, len(lengths), True]

    return Call(f"BatchLoader({size} samples, {arguments})", run, expected if valid else None)


def image_sets(rng):
    """ImageDataset with transforms of the user's, one by one."""
    count, channels, size = (int(n) for n in (rng.integers(1, 5), pick(rng, 1, 3), 6))
    pixels = rng.integers(0, 256, (count, channels, size, size)).astype("uint8")
    labels = rng.integers(0, 3, count)
    indices = rng.integers(-count, count, int(rng.integers(1, 5)))
    fault = pick(rng, None, None, "indices", "images", "transforms", "result")
    shown, transforms = (
        pixels,
        lambda picture: (
            np.asarray(picture, "float32").reshape(size, size, channels).transpose(2, 0, 1) / 255
        ),
    )
    if fault == "indices":
        indices = pick(rng, [], [count], [0.5], 3, [[0]], ["0"])
    elif fault == "images":
        shown = pick(rng, pixels.astype(float), pixels[:0], pixels[0, 0], pixels[None], "images")
    elif fault == "transforms":
        transforms = pick(rng, 3, None, "resize")
    elif fault == "result":
        transforms = pick(rng, lambda p: np.zeros((2, 2, 4, 4)), lambda p: np.zeros(3))
    return Call(
        f"ImageDataset {list(pixels.shape)} batch({indices!r}), wrong: {fault}",
        lambda: ImageDataset(shown, labels, transforms, "abc").batch(indices),
        None if fault else lambda: [pixels[indices] / 255, labels[indices]],
    )


KINDS = (convolution, convolution, pooling, sizes, images, digits, batching, counting, training,
         files, seeds, image_sets, pictures, idx_sets, forms)  # fmt: skip


def equal(found, truth, precise):
    """Whether two results agree: in structure, in shape, in every number."""
    if isinstance(truth, list | tuple):
        return len(found) == len(truth) and all(
            equal(*parts, precise) for parts in zip(found, truth, strict=True)
        )
    found, truth = (t.numpy() if isinstance(t, paddle.Tensor) else t for t in (found, truth))
    found, truth = np.asarray(found), np.asarray(truth)
    if found.shape != truth.shape:
        return False
    if found.dtype.kind != "f":
        return bool((found == truth).all())
    tolerance = precise if found.dtype == truth.dtype == np.float64 and found.ndim else 1e-4
    scale = max(1.0, float(np.abs(truth).max(initial=0.0)))
    error = np.abs(found - truth).max(initial=0.0)
    return bool(np.isfinite(found).all() and error < tolerance * scale)


def judge(call):
    """What became of a call, and why where that is not as it should be.

    Returns
    -------
    (str, str)
        'right', 'refused', or a fault: 'silently wrong', 'accepted', 'refused for nothing',
        'foreign error', 'vague error'.
    """
    try:
        found = call.run()
    except Exception as error:
        said = f"{type(error).__name__}: {error}".strip()[:400]
        if call.expected is not None:
            return "refused for nothing", said
        frames = traceback.extract_tb(error.__traceback__)
        ours = PACKAGE in Path(frames[-1].filename).parents
        if not ours or not isinstance(error, NAMED):
            return "foreign error", f"{frames[-1].filename}:{frames[-1].lineno} {said}"
        return ("refused", "") if SAYS.search(str(error)) else ("vague error", said)
    if call.expected is None:
        return "accepted", repr(found)[:200]
    truth = call.expected()
    return ("right", "") if equal(found, truth, call.tolerance) else ("silently wrong", "")


def generated(seed, number):
    """Call number `number`, the same whatever was called before."""
    return KINDS[number % len(KINDS)](np.random.default_rng([seed, number]))


def calls(start, count, seed=0, show=print):
    """Judge calls number `start` to `start + count`.

    Returns
    -------
    Counter of (kind, outcome)
    """
    outcomes = collections.Counter()
    for number in range(start, start + count):
        call = generated(seed, number)
        outcome, why = judge(call)
        outcomes[KINDS[number % len(KINDS)].__name__, outcome] += 1
        if outcome not in ("right", "refused"):
            show(f"{number}: {outcome}: {call.text}: {why}")
    return outcomes


def in_processes(count, seed=0, portion=1000):
    """Judge calls in processes of their own, so that a crash of the interpreter is seen.

    Returns
    -------
    Counter
        Outcomes, with 'crashed' for a process that ended otherwise than by itself.
    """
    outcomes = collections.Counter(crashed=0)
    for start in range(0, count, portion):
        part = min(portion, count - start)
        command = [sys.executable, __file__, str(start), str(part), str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        print(done.stdout.rpartition("{")[0], end="", flush=True)
        if done.returncode:
            outcomes["crashed"] += 1
            print(f"calls {start} to {start + part}: exit status {done.returncode}, {done.stderr}")
        else:
            outcomes.update(json.loads(done.stdout.splitlines()[-1]))
    return outcomes


if __name__ == "__main__":
    totals = collections.Counter()
    for (_, outcome), number in calls(*map(int, sys.argv[1:])).items():
        totals[outcome] += number
    print(json.dumps(totals))
