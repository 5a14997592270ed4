"""Generated calls of metrics, RunnerV3, its files and seeds, and what formulas say of them."""

import random
import tempfile
from pathlib import Path

import numpy as np
from generated_operators import Call, numbers, pick  # first: it prepares the runtime

# isort: split
import paddle
import paddle.nn.functional as F

import nndl
from nndl import Accuracy, ConfusionMatrix, RunnerV3


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
