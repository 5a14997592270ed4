"""Calls of the public functions with generated arguments, valid and not, each with its own judge.

What is right is computed here in another way than in the package: by `paddle.nn`, by a formula in
plain Python or float64 NumPy, or from the bytes of a data file. What is wrong is made wrong on
purpose, and has to be refused by the package itself, in words that say what came.
"""

import collections
import dataclasses
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nndl

# isort: split
import paddle
import paddle.nn.functional as F
from PIL import Image

from nndl import (
    Accuracy,
    BatchLoader,
    ConfusionMatrix,
    Conv2D,
    MNIST_dataset,
    MNISTDataset,
    Pool2D,
    RunnerV3,
    conv2d,
    conv2d_backward,
    conv2d_loops,
    pool2d,
    pool2d_loops,
)
from nndl.convolution import im2col, output_size
from nndl.dataset import ImageDataset

PACKAGE = Path(nndl.__file__).parent
NAMED = (ValueError, TypeError, FileNotFoundError, RuntimeError, IndexError)
#: a refusal says what came
SAYS = re.compile(
    r"\bgot\b|there is no file|cannot be read|cannot be used: |cannot be written|could not be "
    r"written|in the file\b|of the file has|the loss is nan at step \d+ .*learning rate"
)


@dataclasses.dataclass
class Call:
    """One generated call: `expected` gives what is right; None means that it must be refused."""

    text: str
    run: Callable
    expected: Callable | None
    tolerance: float = 1e-10  # of float64 results, relative to the largest number


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def numbers(rng, *shape, dtype="float32"):
    return rng.normal(size=shape).astype(dtype)


def one_or_pair(rng, low, high):
    """An int for both axes or a pair, and the pair it means."""
    both = tuple(int(n) for n in rng.integers(low, high + 1, 2))
    form = rng.integers(3)
    return (both[0], (both[0],) * 2) if not form else (list(both) if form == 1 else both, both)


def on_paddle(values, rng):
    """A Tensor with a gradient to come; now and then one whose axes lie turned in memory."""
    if rng.integers(3):
        return paddle.to_tensor(values, stop_gradient=False)
    turned = paddle.to_tensor(np.moveaxis(values, 1, -1).copy(), stop_gradient=False)
    return turned.transpose([0, 3, 1, 2])


def with_gradients(function, tensors, seed):
    """Y and the gradients of a random weighting of it."""
    Y = function(*tensors)
    dY = np.random.default_rng(seed).normal(size=Y.shape).astype(str(Y.dtype).split(".")[1])
    return [Y, *paddle.grad([Y], [t for t in tensors if t is not None], [paddle.to_tensor(dY)])]


BAD_PADDING = (-1, 1.5, "2", (1, 2, 3), None, True, (1, -2), np.float32(1))
BAD_SIZE = (0, (0, 1), *BAD_PADDING)


def convolution(rng):
    """conv2d, its loops, its gradients and its layer against `paddle.nn`."""
    dtype = pick(rng, "float32", "float64")
    groups = int(pick(rng, 1, 1, 1, 2, 3))
    D, P = (int(groups * rng.integers(1, 4)) for _ in "DP")
    U, V = (int(n) for n in rng.integers(1, 5, 2))
    X = numbers(rng, int(rng.integers(1, 4)), D, *rng.integers(1, 9, 2), dtype=dtype)
    W, b = numbers(rng, P, D // groups, U, V, dtype=dtype), pick(rng, None, numbers(rng, P))
    b = None if b is None else b.astype(dtype)
    arguments = {}
    meant = {}
    for name, low, high in (("stride", 1, 3), ("padding", 0, 3), ("dilation", 1, 2)):
        arguments[name], meant[name] = one_or_pair(rng, low, high)
    arguments["groups"] = groups
    sizes = [
        X.shape[2 + k] + 2 * meant["padding"][k] - meant["dilation"][k] * ((U, V)[k] - 1) - 1
        for k in (0, 1)
    ]
    form = pick(rng, "conv2d", "conv2d", "loops", "layer", "backward", "im2col")
    fault = None
    if rng.integers(3) == 0:
        fault = pick(rng, "dtype", "rank", "channels", "empty", "size", "bias", "kind", "groups")
    text = f"{form} X{list(X.shape)} {dtype} W{list(W.shape)} {arguments}"
    valid = min(sizes) >= 0
    if fault:
        X, W, b, done = _spoil(fault, X, W, b, arguments, rng, form)
        text += f", wrong: {done}"
        valid = False
    if form == "layer" and fault in (None, "dtype", "rank", "channels", "empty", "size"):
        return _layer(text, X, W, b, arguments, dtype, valid, rng)
    if form == "im2col":
        if fault not in (None, "rank", "dtype", "empty", "size"):
            form = "conv2d"
        else:
            rest = {k: v for k, v in arguments.items() if k != "groups"}

            def columns():
                return F.unfold(paddle.to_tensor(X), [U, V], meant["stride"], [
                    meant["padding"][0], meant["padding"][1]] * 2, meant["dilation"])  # fmt: skip

            return Call(text, lambda: im2col(X, (U, V), **rest), columns if valid else None)
    seed = int(rng.integers(1 << 30))
    if form == "backward" and valid:
        with paddle.no_grad():
            shape = F.conv2d(*map(paddle.to_tensor, (X, W)), None, **meant, groups=groups).shape
        dY = numbers(rng, *shape, dtype=dtype)
        if rng.integers(4) == 0:
            dY = dY[:, :, :, None] if rng.integers(2) else np.concatenate([dY, dY], axis=2)
            valid = False

        def truth():
            tensors = [paddle.to_tensor(t, stop_gradient=False) for t in (X, W)]
            bias = paddle.zeros([P], dtype)
            bias.stop_gradient = False
            Y = F.conv2d(*tensors, bias, **meant, groups=groups)
            return paddle.grad([Y], [*tensors, bias], [paddle.to_tensor(dY)])

        return Call(
            text + f" dY{list(dY.shape)}",
            lambda: conv2d_backward(dY, X, W, **arguments),
            truth if valid else None,
        )
    if form == "loops" and valid:
        X, W = X[:1, :, :5, :5], W
        reach = [meant["dilation"][k] * ((U, V)[k] - 1) + 1 for k in (0, 1)]
        valid = all(X.shape[2 + k] + 2 * meant["padding"][k] >= reach[k] for k in (0, 1))
    function = conv2d_loops if form == "loops" else conv2d

    def tensors(turn):
        return [
            t if not isinstance(t, np.ndarray)
            else on_paddle(t, np.random.default_rng(seed)) if turn and t.ndim == 4
            else paddle.to_tensor(t, stop_gradient=False)
            for t in (X, W, b)
        ]  # fmt: skip

    def run():
        return with_gradients(lambda *t: function(*t, **arguments), tensors(True), seed)

    def expected():
        return with_gradients(lambda *t: F.conv2d(*t, **meant, groups=groups), tensors(False), seed)

    return Call(text, run, expected if valid else None)


def _spoil(fault, X, W, b, arguments, rng, form):
    """Make one argument of a convolution wrong."""
    if fault == "dtype":
        X = X.astype(pick(rng, "int64", "uint8", "float16", "bool", "complex64"))
    elif fault == "rank":
        X = pick(rng, X[0], X[None], X[0, 0, 0], X.reshape(-1))
    elif fault == "channels":
        X = np.concatenate([X, X[:, :1]], axis=1)
    elif fault == "empty":
        X = pick(rng, X[:0], X[:, :0], X[:, :, :0], X[:, :, :, :0])
    elif fault == "size":
        name = pick(rng, "stride", "padding", "dilation")
        arguments[name] = pick(rng, *(BAD_PADDING if name == "padding" else BAD_SIZE))
        return X, W, b, f"{name}={arguments[name]!r}"
    elif fault == "bias" and form in ("conv2d", "loops"):
        b = pick(rng, np.zeros((len(W), 1), X.dtype), np.zeros(len(W) + 1, X.dtype))
    elif fault == "kind":
        X = pick(rng, X.tolist(), None, "image", 3)
    else:
        arguments["groups"] = pick(rng, 0, -1, 7, "1", 1.0, None)
        return X, W, b, f"groups={arguments['groups']!r}"
    return X, W, b, fault


def _layer(text, X, W, b, arguments, dtype, valid, rng):
    paddle_arguments = dict(arguments)
    P, D = W.shape[0], W.shape[1] * arguments["groups"]
    state = {"weight": paddle.to_tensor(W)} | ({} if b is None else {"bias": paddle.to_tensor(b)})

    def output(Layer, options):
        layer = Layer(D, P, W.shape[2:], bias_attr=None if b is not None else False, **options)
        layer = layer.to(dtype=dtype)
        assert layer.set_state_dict(state) == ([], [])
        return layer(paddle.to_tensor(X))

    return Call(
        text,
        lambda: output(Conv2D, arguments),
        (lambda: output(paddle.nn.Conv2D, paddle_arguments)) if valid else None,
    )


def pooling(rng):
    """pool2d, its loops and its layer against `paddle.nn`."""
    dtype = pick(rng, "float32", "float64")
    X = numbers(rng, *rng.integers(1, 4, 2), *rng.integers(1, 9, 2), dtype=dtype)
    if rng.integers(4) == 0:
        X = np.round(X)  # several equal maxima
    (size, area), (stride, steps) = one_or_pair(rng, 1, 4), one_or_pair(rng, 1, 3)
    padding, border = one_or_pair(rng, 0, 2)
    arguments = {"size": size, "mode": pick(rng, "max", "avg"), "stride": stride,
                 "padding": padding}  # fmt: skip
    valid = all(border[k] < area[k] and X.shape[2 + k] + 2 * border[k] >= area[k] for k in (0, 1))
    form = pick(rng, "pool2d", "loops", "layer")
    text = f"{form} X{list(X.shape)} {dtype} {arguments}"
    if rng.integers(3) == 0:
        valid = False
        fault = pick(rng, "dtype", "rank", "empty", "size", "mode", "kind")
        if fault == "mode":
            arguments["mode"] = pick(rng, "mean", "MAX", None, 3, "")
        elif fault == "size":
            name = pick(rng, "size", "stride", "padding")
            arguments[name] = pick(rng, *(BAD_PADDING if name == "padding" else BAD_SIZE))
        else:
            X, *_ = _spoil(fault, X, None, None, {}, rng, form)
        text += f", wrong: {fault}"
    seed = int(rng.integers(1 << 30))
    mode = arguments["mode"]

    def tensor(turn):
        if not isinstance(X, np.ndarray):
            return X
        if turn and X.ndim == 4 and X.size:
            return on_paddle(X, np.random.default_rng(seed))
        return paddle.to_tensor(X, stop_gradient=X.dtype.kind != "f")

    def run():
        if form == "layer":
            return with_gradients(Pool2D(**arguments), [tensor(True)], seed)
        function = {"pool2d": pool2d, "loops": pool2d_loops}[form]
        return with_gradients(lambda X: function(X, **arguments), [tensor(True)], seed)

    def expected():
        pool = F.max_pool2d if mode == "max" else F.avg_pool2d
        return with_gradients(lambda X: pool(X, area, steps, border), [tensor(False)], seed)

    # Paddle divides float64 gradients of a mean by a float32 count.
    return Call(text, run, expected if valid else None, tolerance=1e-6)


def sizes(rng):
    """output_size against counting the positions."""
    values = {
        "size": int(rng.integers(1, 40)), "kernel": int(rng.integers(1, 12)),
        "stride": int(rng.integers(1, 5)), "padding": int(rng.integers(0, 4)),
        "dilation": int(rng.integers(1, 4)),
    }  # fmt: skip
    valid = True
    if rng.integers(3) == 0:
        name = pick(rng, *values)
        values[name] = pick(rng, -1, 1.5, "3", None, True)
        valid = False

    def expected():
        last = values["size"] + 2 * values["padding"] - 1
        reach = values["dilation"] * (values["kernel"] - 1)
        return len(range(0, last - reach + 1, values["stride"]))

    valid = valid and expected() > 0
    return Call(
        f"output_size({values})", lambda: output_size(**values), expected if valid else None
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
        data = shown.astype(float) + pick(rng, 0.5, 300.0, -300.0, np.nan), labels
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


def counting(rng):
    """Accuracy and ConfusionMatrix against counting in plain Python."""
    N, C = int(rng.integers(1, 20)), int(rng.integers(2, 6))
    binary = rng.integers(4) == 0
    logits = numbers(rng, N, 1 if binary else C)
    C = 2 if binary else C
    true = rng.integers(0, C, N)
    labels = true if rng.integers(2) else true[:, None]
    labels = labels.astype(pick(rng, "int64", "int32", "uint8", "float32"))
    matrix = bool(rng.integers(2))
    fault, shown = None, logits
    if rng.integers(3) == 0:
        fault = pick(rng, "range", "negative", "shape", "one-hot", "fraction", "rank", "classes")
        if fault == "range":
            labels = labels.astype("int64") + C
        elif fault == "negative":
            labels = labels.astype("int64") - C
        elif fault == "shape":
            labels = pick(rng, np.concatenate([labels, labels]), labels[None, None], labels[:0])
        elif fault == "one-hot":
            labels = np.eye(C + 1)[true]
        elif fault == "fraction":
            labels = labels + 0.25
        elif fault == "rank":
            shown = pick(rng, logits[:, 0], logits[0, 0], logits.argmax(axis=1))
        else:
            matrix, labels = True, true
            shown = numbers(rng, N, C + 1)
    wrap = pick(rng, paddle.to_tensor, np.asarray)

    def run():
        metric = ConfusionMatrix(C) if matrix else Accuracy()
        cut = N // 2
        if fault is None and cut:
            metric.update(wrap(shown[:cut]), wrap(labels[:cut]))
            metric.update(wrap(shown[cut:]), wrap(labels[cut:]))
        else:
            metric.update(wrap(shown), wrap(labels))
        return [metric.accumulate(), metric.matrix if matrix else N]

    def expected():
        table = [[0] * C for _ in range(C)]
        for row, label in zip(logits.tolist(), true.tolist(), strict=True):
            guess = int(row[0] >= 0) if binary else max(range(C), key=row.__getitem__)
            table[label][guess] += 1
        share = sum(table[c][c] for c in range(C)) / N
        return [share, table if matrix else N]

    name = "ConfusionMatrix" if matrix else "Accuracy"
    return Call(f"{name} [{N}, {C}], wrong: {fault}", run, None if fault else expected)


def softmax_regression(X, y, W, b, cuts, epochs, rate):
    """Losses, weighted epoch losses and weights of SGD, in float64 NumPy."""
    W, b, steps, means = W.astype(float), b.astype(float), [], []
    for _ in range(epochs):
        total = 0.0
        for cut in cuts:
            logits = X[cut] @ W + b
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            n = len(p)
            loss = -np.log(p[np.arange(n), y[cut]]).mean()
            steps.append(loss)
            total += loss * n
            p[np.arange(n), y[cut]] -= 1
            W, b = W - rate * X[cut].T @ p / n, b - rate * p.sum(axis=0) / n
        means.append(total / len(X))
    return steps, means, W, b


RUNNER_FAULTS = {
    "num_epochs": (0, -2, 1.5, "3", None, True), "log_steps": (-1, 0.5, "all"),
    "eval_steps": (-3, "never", 2.5), "checkpoint_steps": (0, -1, "x"),
    "scheduler_step": ("batch", 1), "early_stopping": (0, -1, "soon", 1.5), "amp": ("O3", True),
    "progress": ("often", 3), "callbacks": (5,), "custom_print_log": (3,), "dev_loader": ([], 5),
    "save_path": (3, "/proc/none/best"), "checkpoint": (3, "/proc/none"),
}  # fmt: skip
BATCH_FAULTS = (
    "triple", "single", "text", "labels out of range", "negative labels", "more labels", "empty",
    "no batch", "no length", "nan", "features", "label type", "none",
)  # fmt: skip


def training(rng):
    """RunnerV3 on softmax regression against the formula in NumPy, and wrong arguments."""
    N, D, C = (int(n) for n in (rng.integers(2, 20), rng.integers(1, 6), rng.integers(2, 5)))
    size, epochs, rate = int(rng.integers(1, 8)), int(rng.integers(1, 4)), 0.1
    X, y = numbers(rng, N, D), rng.integers(0, C, N)
    W, b = numbers(rng, D, C), numbers(rng, C)
    cuts = [slice(i, min(i + size, N)) for i in range(0, N, size)]
    batches = [(X[c], y[c]) for c in cuts]
    options = {"num_epochs": epochs, "log_steps": 0}
    text = f"RunnerV3 {N}×{D}, {C} classes, batches of {size}, {epochs} epochs"
    fault = None
    if rng.integers(2):
        fault = pick(rng, *RUNNER_FAULTS, *BATCH_FAULTS)
        if fault in RUNNER_FAULTS:
            options[fault] = pick(rng, *RUNNER_FAULTS[fault])
            text += f", wrong: {fault}={options[fault]!r}"
        else:
            batches = _spoil_batches(fault, batches, C)
            text += f", wrong: {fault}"

    def make():
        layer = paddle.nn.Linear(D, C)
        layer.weight.set_value(W)
        layer.bias.set_value(b)
        optimizer = paddle.optimizer.SGD(rate, parameters=layer.parameters())
        return RunnerV3(layer, optimizer, F.cross_entropy, Accuracy())

    evaluating = fault in BATCH_FAULTS and fault not in ("nan", "no length") and rng.integers(2)

    def run():
        runner = make()
        if evaluating:
            return runner.evaluate(batches)
        with tempfile.TemporaryDirectory() as folder:
            options.setdefault("dev_loader", [(X, y)])
            options.setdefault("save_path", Path(folder) / "best")
            runner.train(batches, **options)
        losses = [loss for _, loss in runner.train_step_losses]
        score, dev_loss = runner.dev_scores[-1], runner.dev_losses[-1][1]
        return [losses, runner.train_epoch_losses, *runner.model.parameters(), score, dev_loss,
                runner.predict(X)]  # fmt: skip

    def expected():
        *parts, W1, b1 = softmax_regression(X, y, W, b, cuts, epochs, rate)
        logits = X @ W1 + b1
        top = logits.max(axis=1, keepdims=True)
        log_p = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        score = (logits.argmax(axis=1) == y).mean()
        return [*parts, W1, b1, score, -log_p[np.arange(N), y].mean(), logits]

    return Call(text, run, None if fault else expected)


def _spoil_batches(fault, batches, C):
    X, y = batches[-1]
    bad = {
        "triple": (X, y, y), "single": X, "text": "ab", "labels out of range": (X, y + C),
        "negative labels": (X, y - C), "more labels": (X, np.concatenate([y, y])),
        "empty": (X[:0], y[:0]), "nan": (X * np.nan, y), "none": (None, y),
        "features": (np.concatenate([X, X], axis=1), y), "label type": (X, y + 0.5),
    }  # fmt: skip
    if fault == "no batch":
        return []
    if fault == "no length":
        return iter(batches)
    return [*batches[:-1], bad[fault]]


def files(rng):
    """save_model and load_model: the same weights, or every mismatch named."""
    D, H = (int(n) for n in rng.integers(1, 6, 2))
    fault = pick(rng, None, None, "shape", "depth", "missing", "folder", "no weights", "dtype")

    def net(width, depth=1):
        layers = [paddle.nn.Linear(D, width), *[paddle.nn.Linear(width, width)] * (depth - 1)]
        return RunnerV3(paddle.nn.Sequential(*layers), None, F.cross_entropy)

    def run():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.pdparams"
            first = net(H)
            run.expected = [p.numpy() for p in first.model.parameters()]
            first.save_model(path)
            other = net(H + (fault == "shape"), 1 + (fault == "depth"))
            if fault == "dtype":
                other.model.to(dtype="float64")
            if fault == "no weights":
                path.write_bytes(rng.bytes(int(rng.integers(0, 300))))
            other.load_model({"missing": path / "x", "folder": folder}.get(fault, path))
            return list(other.model.parameters())

    return Call(f"load_model {D}→{H}, wrong: {fault}", run,
                None if fault else lambda: run.expected)  # fmt: skip


def seeds(rng):
    """seed_everything: the generators of NumPy and Python as their own classes draw."""
    seed = pick(rng, int(rng.integers(0, 2**32)), 0, 2**32 - 1, np.int64(7))
    valid = rng.integers(3) > 0
    if not valid:
        seed = pick(rng, -1, 2**32, 1.0, "1", None, True, [1])

    def run():
        nndl.seed_everything(seed)
        drawn = [random.random(), np.random.rand(), paddle.rand([3]).numpy()]  # noqa: NPY002
        nndl.seed_everything(seed)
        return [*drawn[:2], bool((paddle.rand([3]).numpy() == drawn[2]).all())]

    def expected():
        legacy = np.random.RandomState(seed)
        return [random.Random(int(seed)).random(), legacy.rand(), True]

    return Call(f"seed_everything({seed!r})", run, expected if valid else None)


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
        transforms = pick(rng, lambda p: np.zeros((5, 4, 4)), lambda p: np.zeros(3))
    return Call(
        f"ImageDataset {list(pixels.shape)} batch({indices!r}), wrong: {fault}",
        lambda: ImageDataset(shown, labels, transforms, "abc").batch(indices),
        None if fault else lambda: [pixels[indices] / 255, labels[indices]],
    )


KINDS = (convolution, convolution, pooling, sizes, images, digits, batching, counting, training,
         files, seeds, image_sets)  # fmt: skip


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
        ours = Path(frames[-1].filename).parent == PACKAGE
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
