"""Two processes on loopback make the run that one process makes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nndl import Accuracy, BatchLoader, ConfusionMatrix, experiments, train
from nndl.dataset.cifar10 import CIFAR10Dataset
from nndl.dataset.mnist import MNISTDataset
from nndl.dataset.transforms import flip_and_crop
from nndl.experiments import records
from nndl.runner import distributed
from nndl.runner.distributed import SharedBatchLoader, Team
from nndl.runner.saving.checkpoint import read_file
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Paddle has gloo on Linux")


def launch(folder, script, *arguments, processes=2):
    """Start a script in several processes; its own session, so that nothing is left behind."""
    command = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node"]
    command += [str(processes), "--backend", "gloo", "--log_dir", str(folder / "log")]
    return subprocess.Popen(
        [*command, str(script), *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process, seconds=60):
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        text, _ = process.communicate()
        pytest.fail(f"no end after {seconds} s:\n{text}")
    return text


def logs(folder):
    """What the processes themselves wrote."""
    return "\n".join(p.read_text() for p in sorted((folder / "log").glob("workerlog.*")))


# ------------------------------------------------------------------- shares, without processes


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("takes_rows", [True, False])
def test_shares_together_are_the_batches_of_one_process(size, takes_rows):
    def whole_batch(images, rng):  # an augmentation that knows nothing of shares
        return flip_and_crop(images, rng)

    augment = flip_and_crop if takes_rows else whole_batch
    data = CIFAR10Dataset("dev")
    options = {"shuffle": True, "seed": 4, "augment": augment}
    one = BatchLoader(data, 96, **options)
    shares = [SharedBatchLoader(data, 96, Team(rank, size), **options) for rank in range(size)]
    for number in (0, len(one) - 1):
        X, y = one.batch(1, number)
        for rank, share in enumerate(shares):
            part, labels = share.batch(1, number)
            assert np.array_equal(part.numpy(), X.numpy()[rank::size])
            assert np.array_equal(labels.numpy(), y.numpy()[rank::size])


def test_each_sample_comes_once_an_epoch():
    class Numbers:
        def __len__(self):
            return 103

        def __getitem__(self, index):
            return np.zeros(1, "float32"), index

    data = Numbers()
    shares = [SharedBatchLoader(data, 20, Team(r, 3), shuffle=True, seed=0) for r in range(3)]
    for _ in range(2):
        seen = np.concatenate([y.numpy() for share in shares for _, y in share])
        assert np.array_equal(np.sort(seen), np.arange(103))


def test_a_batch_smaller_than_the_job_is_refused():
    with pytest.raises(ValueError, match="last batch would have 1 samples for 2 processes"):
        SharedBatchLoader(MNISTDataset("dev"), 199, Team(0, 2))
    with pytest.raises(ValueError, match="for 3 processes"):
        SharedBatchLoader(MNISTDataset("dev"), 2, Team(0, 3))


def test_a_single_process_is_a_team_of_one():
    team = distributed.join()
    assert team.first and team.sum(1, 2.5) == [1, 2.5] and team.from_first(7) == 7


# ------------------------------------------------------------------------------- two processes


WORKER = """
import sys
sys.path.insert(0, {root!r})
import numpy as np
import nndl, paddle
import paddle.nn.functional as F
from nndl.runner import distributed
from nndl.networks import LeNet, ResBlock

team = distributed.join()
assert (team.size, nndl.runtime.report().processes) == (2, 2)
assert team.sum(team.rank, 1, 0.5) == [1, 2, 1] and team.from_first(5 + team.rank) == 5

confusion = nndl.ConfusionMatrix(2)
confusion.update(np.eye(2)[[team.rank]], [1])
team.merge(confusion)
assert confusion.matrix.tolist() == [[0, 0], [1, 1]], confusion.matrix
try:
    team.merge(paddle.metric.Precision())
    raise SystemExit("a metric that cannot be added up was taken")
except TypeError:
    pass

# Gradients of the hand-written operators (PyLayers) are averaged as those of Paddle's layers.
rng = np.random.default_rng(0)
X = paddle.to_tensor(rng.normal(size=(8, 1, 32, 32)).astype("float32"))
y = paddle.arange(8)
gradients = {{}}
for operators in ("hand", "paddle"):
    paddle.seed(1)
    alone, shared = LeNet(operators=operators), LeNet(operators=operators)
    shared.set_state_dict(alone.state_dict())
    F.cross_entropy(alone(X), y).backward()
    parallel = paddle.DataParallel(shared)
    F.cross_entropy(parallel(X[team.rank :: 2]), y[team.rank :: 2]).backward()
    for (name, a), (_, b) in zip(alone.named_parameters(), shared.named_parameters()):
        assert np.abs(a.grad.numpy()).max() > 0
        np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), rtol=1e-4, atol=1e-6)

# Running statistics: means of both processes' own.
block = ResBlock(1, 2)
parallel = paddle.DataParallel(block)
assert distributed.team_of(parallel).size == 2 and distributed.team_of(block).size == 1
own = float(team.rank + 1)
block.bn1._mean.set_value(paddle.full([2], own))
team.average_buffers(parallel)
assert block.bn1._mean.numpy().tolist() == [1.5, 1.5]
print("checked", team)
"""


def test_sums_metrics_gradients_and_statistics(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER.format(root=str(ROOT)))
    process = launch(tmp_path, script)
    text = finish(process)
    assert process.returncode == 0, text + logs(tmp_path)
    assert "checked process 1 of 2" in logs(tmp_path)


@pytest.mark.parametrize("operators", ["hand", "paddle"])
def test_two_processes_make_the_run_of_one(operators, tmp_path):
    # A rate at which rounding does not grow; with the recipe's own, SGD 0.1 on 1,000 digits,
    # differences of 1e-7 become 1e-2 in twenty steps, as they do between two processors.
    arguments = ["lenet-mnist", "--epochs", "3", "--seed", "2", "--operators", operators]
    arguments += ["--learning-rate", "0.02"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert train.main([*arguments, "--out", str(one)]) == 0
    process = launch(tmp_path, ROOT / "nndl" / "train.py", *arguments, "--out", two)
    text = finish(process)
    assert process.returncode == 0, text
    first, second = (read_file(folder / "checkpoint.nndl")[0] for folder in (one, two))
    losses = first["train_step_losses"]
    assert len(losses) == 48
    np.testing.assert_allclose(second["train_step_losses"], losses, rtol=1e-4)
    assert losses[-1, 1] < 0.5 * losses[0, 1]  # something was learned on the way
    for name, array in first.items():
        if name.startswith("model/"):
            np.testing.assert_allclose(second[name], array, atol=1e-4, err_msg=name)
    a, b = map(records.read_summary, (one, two))
    assert b["processes"] == 2 and b["test"]["samples"] == 200
    assert abs(a["test"]["score"] - b["test"]["score"]) <= 1 / 200
    assert b["test"]["loss"] == pytest.approx(a["test"]["loss"], rel=1e-3)
    # the first process alone prints and writes
    assert "test score" in (tmp_path / "log" / "workerlog.0").read_text()
    assert "learning_rate" not in (tmp_path / "log" / "workerlog.1").read_text()
    assert sorted(p.name for p in two.iterdir()) == sorted(p.name for p in one.iterdir())


def workers_of(process):
    """Ids of the processes that a launcher started, in order of their rank."""
    found = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            status = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            if int(status[1]) == process.pid:
                environment = Path(f"/proc/{entry}/environ").read_text().split("\0")
                rank = dict(e.split("=", 1) for e in environment if "=" in e)["PADDLE_TRAINER_ID"]
                found[int(rank)] = int(entry)
    return [found[rank] for rank in sorted(found)]


def test_a_killed_worker_ends_the_job_and_one_process_goes_on(tmp_path):
    out = tmp_path / "run"
    arguments = ["lenet-mnist", "--epochs", "200", "--operators", "paddle", "--out", str(out)]
    process = launch(tmp_path, ROOT / "nndl" / "train.py", *arguments)
    end = time.monotonic() + 30
    while len(records.read_metrics(out / records.METRICS)) < 25:
        assert time.monotonic() < end and process.poll() is None, logs(tmp_path)
        time.sleep(0.05)
    os.kill(workers_of(process)[1], signal.SIGKILL)
    text = finish(process, 40)
    assert process.returncode != 0
    said = (tmp_path / "log" / "workerlog.0").read_text()
    assert said.count("a process of this job was killed or has failed") == 1, text + said
    assert f"--out {out} --resume" in said
    steps = read_file(out / "checkpoint.nndl")[1]["steps"]
    assert steps >= 100
    epochs = steps // 16 + 2
    more = ["lenet-mnist", "--out", str(out), "--resume", "--epochs", str(epochs)]
    assert train.main(more) == 1  # the run was begun with 200
    summary = records.read_summary(out)
    summary["recipe"]["num_epochs"] = epochs  # … and the test has no time for them
    records.write_summary(out, summary)
    assert train.main(more) == 0
    losses = read_file(out / "checkpoint.nndl")[0]["train_step_losses"]
    assert losses[:, 0].tolist() == list(range(epochs * 16))
    assert records.read_summary(out)["processes"] == 1


@pytest.mark.long
def test_an_interrupted_job_is_saved_and_goes_on_to_the_same_end(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    arguments = ["lenet-mnist", "--epochs", "25", "--seed", "1"]
    process = launch(tmp_path, ROOT / "nndl" / "train.py", *arguments, "--out", whole)
    text = finish(process)
    assert process.returncode == 0, text
    process = launch(tmp_path, ROOT / "nndl" / "train.py", *arguments, "--out", stopped)
    end = time.monotonic() + 30
    while len(records.read_metrics(stopped / records.METRICS)) < 5:
        assert time.monotonic() < end and process.poll() is None, logs(tmp_path)
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)  # what Ctrl-C sends to the launcher
    finish(process, 40)
    said = (tmp_path / "log" / "workerlog.0").read_text()
    steps = read_file(stopped / "checkpoint.nndl")[1]["steps"]
    assert 0 < steps < 400 and f"interrupted after step {steps - 1}" in said, said
    assert "--nproc_per_node 2 --backend gloo nndl/train.py lenet-mnist" in said
    again = ["lenet-mnist", "--out", stopped, "--resume"]
    process = launch(tmp_path, ROOT / "nndl" / "train.py", *again)
    text = finish(process)
    assert process.returncode == 0, text
    # As many processes round alike, so the last bit of the last step agrees.
    first, second = (read_file(folder / "checkpoint.nndl")[0] for folder in (whole, stopped))
    np.testing.assert_array_equal(second["train_step_losses"], first["train_step_losses"])
    for name in (name for name in first if name.startswith("model/")):
        np.testing.assert_array_equal(second[name], first[name], err_msg=name)


def test_metrics_are_those_that_can_be_added_up():
    assert {Accuracy, ConfusionMatrix} == set(distributed._COUNTS)


def test_recipes_for_several_processes_load_shares():
    recipe = experiments.experiment("lenet-mnist", "quick")
    train_loader, dev_loader, _ = experiments.build_loaders(recipe, 0, Team(1, 2))
    assert len(train_loader.batch(0, 0)[1]) == recipe.batch_size // 2
    assert sum(len(y) for _, y in dev_loader) == 100
