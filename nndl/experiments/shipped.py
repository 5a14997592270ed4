"""Networks whose trained weights lie in data/weights: load them, measure them again.

python -m nndl.experiments.shipped           on the test images that lie in data/
python -m nndl.experiments.shipped --full    on all 10,000 of CIFAR-10 too, fetched once before
                                             with python -m nndl.download cifar10
"""

import argparse
import sys

import paddle

from ..dataset.folders import data_folder, one_of
from ..dataset.loader import BatchLoader
from ..display.table import table
from ..metric import Accuracy
from ..runner.runner import RunnerV3
from ..runner.saving.checkpoint import read_file
from .recipes import Experiment, build_dataset, build_model

#: task -> the data whose test images lie in data/
EMBEDDED = {"lenet-mnist": "mnist-full", "resnet20-cifar10": "cifar10-mini"}
#: points by which a score may differ where another processor rounds otherwise
TOLERANCE = 0.2


def shipped(task, operators="hand"):
    """A trained network, and how it was trained.

    Parameters
    ----------
    task : 'lenet-mnist' or 'resnet20-cifar10'
    operators : 'hand' or 'paddle'

    Returns
    -------
    model : paddle.nn.Layer
        In evaluation mode. X [B, 1 or 3, 32, 32] float32, as the task's data set gives it, in;
        logits [B, 10] out.
    record : dict
        `command`, `recipe`, `versions`, `machine`, `data` (sha256), `dev` and `test` scores, and
        `embedded`: the score on the part of the test images that lies in data/.

    Raises
    ------
    ValueError, FileNotFoundError
        No such network; its file is missing or was altered.

    Examples
    --------
    >>> from nndl.experiments.shipped import shipped
    >>> model, record = shipped("lenet-mnist")
    >>> record["test"]["samples"]
    10000
    """
    one_of("task", task, tuple(EMBEDDED))
    arrays, record = read_file(data_folder() / "weights" / f"{task}.safetensors")
    model = build_model(Experiment(**record["recipe"]), operators)
    model.set_state_dict(arrays)
    model.eval()
    return model, record


def score(model, data):
    """Accuracy on the test images of a recipe's data, and how many there are."""
    test = build_dataset(Experiment("", "", data), "test")
    runner = RunnerV3(model, None, paddle.nn.functional.cross_entropy, Accuracy())
    return runner.evaluate(BatchLoader(test, 200))[0], len(test)


def main(argv=None):
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m nndl.experiments.shipped", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--full", action="store_true", help="on all 10,000 images of CIFAR-10")
    options = parser.parse_args(argv)
    rows, wrong = [], []
    for task, embedded in EMBEDDED.items():
        model, record = shipped(task)
        whole = options.full or "embedded" not in record
        then = record["test" if whole else "embedded"]
        found, count = score(model, record["recipe"]["data"] if whole else embedded)
        values = [task, count, 100 * then["score"], 100 * found, record["command"]]
        columns = ["network", "test images", "recorded %", "measured %", "trained by"]
        rows.append(dict(zip(columns, values, strict=True)))
        if count != then["samples"] or abs(found - then["score"]) > TOLERANCE / 100:
            wrong.append(task)
    print(table(rows, formats={"recorded %": ".2f", "measured %": ".2f"}))
    if wrong:
        print(f"error: not the recorded score: {', '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
