"""What a training run leaves in its folder, written and read: metrics.jsonl and summary.json."""

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import time
from pathlib import Path

import numpy as np

from .. import runtime
from ..runner.callbacks import Callback

METRICS, SUMMARY = "metrics.jsonl", "summary.json"
#: steps whose mean loss makes up one line of metrics.jsonl
EVERY = 10


class Recorder(Callback):
    """Writes metrics.jsonl as training goes on, and keeps the time that it has taken.

    Each line is a JSON object with `event` ('train', 'dev' or 'epoch'), `step` (from 0), the mean
    `loss` (of the last `EVERY` steps; per sample for the others), the dev `score`, the learning
    rate `lr` and the `seconds` trained so far, interruptions left out.

    Parameters
    ----------
    folder : Path or None
        None keeps the time only.
    """

    def __init__(self, folder):
        self.path = None if folder is None else Path(folder) / METRICS
        self._before, self._since, self._file = 0.0, None, None

    @property
    def seconds(self):
        """Time spent in training so far, evaluations and checkpoints included."""
        return self._before + (time.perf_counter() - self._since if self._since else 0.0)

    def state_dict(self):
        return {"seconds": self.seconds}

    def load_state_dict(self, state):
        self._before = state["seconds"]

    def on_train_begin(self, runner):
        if self.path is not None:
            # A run that was killed has written lines that its last checkpoint knows nothing of.
            kept = [line for line in read_metrics(self.path) if line["step"] < runner.steps_done]
            self._file = open(self.path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
            for line in kept:
                self._write(line)
        self._since = time.perf_counter()

    def on_step_end(self, runner, step, loss):
        if (step + 1) % EVERY == 0:
            loss = float(np.mean([value for _, value in runner.train_step_losses[-EVERY:]]))
            self._record("train", step, loss, lr=float(runner.optimizer.get_lr()))

    def on_evaluate(self, runner, step, score, loss):
        self._record("dev", step, loss, score=score)

    def on_epoch_end(self, runner, epoch, loss):
        self._record("epoch", runner.steps_done - 1, loss, epoch=epoch + 1)

    def on_train_end(self, runner):
        self._before, self._since = self.seconds, None
        if self._file:
            self._file.close()

    def _record(self, event, step, loss, **more):
        line = {"event": event, "step": step, "loss": loss, **more}
        self._write({**line, "seconds": round(self.seconds, 3)})

    def _write(self, line):
        if self._file:
            self._file.write(json.dumps(line) + "\n")


def read_metrics(path):
    """The complete lines of a metrics.jsonl.

    Returns
    -------
    list of dict
        Empty where there is no file; a last line cut short is left out.
    """
    lines = []
    if Path(path).exists():
        for text in Path(path).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(text))
    return lines


def write_summary(folder, summary):
    """Write summary.json, the whole of it or nothing."""
    folder = Path(folder)
    temporary = folder / f".{SUMMARY}.tmp"
    text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, folder / SUMMARY)


def read_summary(folder):
    """The summary of the run in a folder.

    Raises
    ------
    FileNotFoundError, ValueError
        The folder holds no run, or a damaged one.
    """
    path = Path(folder) / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(summary["recipe"], dict):
            raise KeyError("recipe")
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"expected a run of `python -m nndl.train` in {folder}, found no {SUMMARY} there"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no summary of a run ({error!r}); train again") from None
    return summary


def records(folder):
    """The records of a run as `nndl.figures.compare_runs` draws them.

    Returns
    -------
    dict
        `train_step_losses`, `dev_losses`, `dev_scores`.
    """
    lines = read_metrics(Path(folder) / METRICS)
    dev = [line for line in lines if line["event"] == "dev"]
    return {
        "train_step_losses": [(x["step"], x["loss"]) for x in lines if x["event"] == "train"],
        "dev_losses": [(line["step"], line["loss"]) for line in dev],
        "dev_scores": [line["score"] for line in dev],
    }


def describe(recipe, seed, operators, device, team, datasets):
    """What decides a run and where it ran, for its summary.

    Parameters
    ----------
    recipe : Experiment
    seed : int
    operators, device : str
    team : Team
    datasets : dict of str to ImageDataset

    Returns
    -------
    dict
        No name of a host, user or folder is in it.
    """
    found = runtime.report()
    return {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "operators": operators,
        "processes": team.size,
        "versions": _versions(),
        "machine": {
            "system": platform.system(),
            "processor": found.processor,
            "cores": found.cores,
            "threads_per_process": found.threads,
            "blas_path": found.fast_path,
            "device": device,
        },
        "data": {
            name: {"samples": len(data), "sha256": data_checksum(data)}
            for name, data in datasets.items()
        },
    }


def data_checksum(dataset):
    """SHA-256 of a data set's pixels (uint8) followed by its labels (int64, little endian)."""
    total = hashlib.sha256(np.ascontiguousarray(dataset.images).data)
    total.update(np.ascontiguousarray(dataset.labels, "<i8").data)
    return total.hexdigest()


def _versions():
    import paddle

    return {
        "python": platform.python_version(),
        "paddle": paddle.__version__,
        "numpy": np.__version__,
        "nndl": runtime.VERSION,
    }
