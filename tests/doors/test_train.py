"""The training command, the folders it leaves, and their tables."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nndl import dataset, experiments, train
from nndl.experiments import compare, records
from nndl.runner.saving.checkpoint import read_file
from tests.conftest import ROOT

QUICK = ["lenet-mnist", "--epochs", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of one finished run."""
    out = tmp_path_factory.mktemp("runs") / "first"
    assert train.main([*QUICK, "--seed", "5", "--out", str(out)]) == 0
    return out


def test_a_run_leaves_a_whole_summary(finished):
    summary = records.read_summary(finished)
    assert summary["state"] == "finished" and summary["seed"] == 5
    assert summary["recipe"] == vars(experiments.experiment("lenet-mnist", num_epochs=1))
    assert summary["parameters"] == 61706  # the formula of the chapter
    assert summary["steps"] == 16 and summary["epochs"] == 1  # ⌈1000 / 64⌉
    assert summary["seconds"] > 0
    images, labels = dataset.load_mnist_book()["test"]
    expected = hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    assert summary["data"]["test"] == {"samples": 200, "sha256": expected}
    assert set(summary["versions"]) == {"python", "paddle", "numpy", "nndl"}
    text = (finished / records.SUMMARY).read_text()
    assert os.uname().nodename not in text and str(finished.parent) not in text
    assert str(ROOT) not in text


def test_scores_are_those_of_the_best_weights(finished):
    summary = records.read_summary(finished)
    model = experiments.build_model(experiments.experiment("lenet-mnist"), "paddle")
    arrays, _ = read_file(finished / "best_model.pdparams")
    model.set_state_dict(arrays)
    X, y = dataset.MNISTDataset("test").batch(np.arange(200))
    import paddle

    predicted = model(paddle.to_tensor(X)).numpy().argmax(axis=1)
    assert abs((predicted == y).mean() - summary["test"]["score"]) < 0.006  # a tie may fall


def test_metrics_hold_means_of_the_steps(finished):
    lines = records.read_metrics(finished / records.METRICS)
    arrays, _ = read_file(finished / "checkpoint.nndl")
    losses = arrays["train_step_losses"][:, 1]
    steps = [line for line in lines if line["event"] == "train"]
    assert [line["step"] for line in steps] == [9]
    assert steps[0]["loss"] == pytest.approx(losses[:10].mean())
    assert [line["event"] for line in lines[-2:]] == ["epoch", "dev"]
    assert all(line["seconds"] > 0 for line in lines)


def test_the_recipe_is_printed_in_full(tmp_path, capsys):
    assert train.main([*QUICK, "--out", str(tmp_path / "a"), "--weight-decay", "0.001"]) == 0
    text = capsys.readouterr().out
    recipe = experiments.experiment("lenet-mnist", num_epochs=1, weight_decay=0.001)
    for name, value in vars(recipe).items():
        assert any(line.split() == [name, str(value)] for line in text.splitlines()), name
    assert "test score" in text and "1,000 train" in text


def test_the_book_lowers_the_rate_where_it_leaves_residuals_out():
    options = train.parser().parse_args(["resnet18-mnist", "--preset", "book", "--no-residual"])
    recipe = train.recipe_of(options)
    assert not recipe.use_residual and recipe.learning_rate == 0.005
    assert experiments.experiment("resnet18-mnist", "book").learning_rate == 0.01


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume"], "--resume needs --out"),
        (["--epochs", "0"], "num_epochs must be at least 1"),
        (["--learning-rate", "nan"], "learning_rate must be positive and finite, got nan"),
        (["--learning-rate", "-1"], "learning_rate must be positive"),
        (["--learning-rate", "inf"], "learning_rate must be positive and finite"),
        (["--weight-decay", "-1"], "weight_decay must be 0 or a positive number"),
        (["--out", __file__], "test_train.py is a file: name a new folder with --out"),
        (["--out", __file__ + "/run"], "Not a directory"),
        (["--no-residual"], "ResNet18"),
        (["--preset", "gpu"], "no recipe 'gpu'"),
        (["--device", "cpu:x"], "device must be"),
    ],
)
def test_errors_are_one_readable_message(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main(["lenet-mnist", *arguments]) == 1
    text = capsys.readouterr().err
    assert words in text and "Traceback" not in text
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_names_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        train.main(["lenet"])
    assert "resnet18-cifar10" in capsys.readouterr().err


def test_missing_full_data_says_how_to_fetch_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NNDL_CACHE", str(tmp_path))
    out = str(tmp_path / "a")
    assert train.main(["resnet18-cifar10", "--preset", "book", "--out", out]) == 1
    assert "python -m nndl.download cifar10" in capsys.readouterr().err


def test_a_folder_belongs_to_one_run(finished, tmp_path, capsys):
    before = (finished / records.SUMMARY).read_bytes()
    assert train.main([*QUICK, "--out", str(finished)]) == 1
    assert "add --resume" in capsys.readouterr().err
    assert train.main([*QUICK, "--out", str(finished), "--resume", "--seed", "6"]) == 1
    assert "seed: 5 → 6" in capsys.readouterr().err
    assert train.main(["resnet18-mnist", "--out", str(finished), "--resume"]) == 1
    assert "not resnet18-mnist" in capsys.readouterr().err
    assert (finished / records.SUMMARY).read_bytes() == before
    (tmp_path / "letter.txt").write_text("mine")
    assert train.main([*QUICK, "--out", str(tmp_path)]) == 1
    assert "not empty" in capsys.readouterr().err


def start(*arguments):
    command = [sys.executable, "-u", "-m", "nndl.train", "lenet-mnist", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for_lines(path, count, seconds=40):
    end = time.monotonic() + seconds
    while len(records.read_metrics(path)) < count:
        assert time.monotonic() < end, "no progress"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, marks=pytest.mark.long),
    ],
)
def test_a_stopped_run_goes_on_to_the_same_end(number, tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    arguments = ["--epochs", "12", "--seed", "3", "--operators", "paddle"]
    assert train.main(["lenet-mnist", *arguments, "--out", str(whole)]) == 0
    process = start(*arguments, "--out", str(part))
    wait_for_lines(part / records.METRICS, 12)
    process.send_signal(number)
    text, _ = process.communicate(timeout=40)
    assert records.read_summary(part)["state"] == "unfinished", text
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert f"--out {part} --resume" in text
    process = start("--out", str(part), "--resume")
    text, _ = process.communicate(timeout=40)
    assert process.returncode == 0, text
    first, second = (read_file(folder / "checkpoint.nndl") for folder in (whole, part))
    assert len(first[0]["train_step_losses"]) == 192
    for name, array in first[0].items():
        assert np.array_equal(array, second[0][name]), name
    lines = [
        [{k: v for k, v in line.items() if k != "seconds"} for line in records.read_metrics(f)]
        for f in (whole / records.METRICS, part / records.METRICS)
    ]
    assert lines[0] == lines[1]
    assert records.read_summary(part)["test"] == records.read_summary(whole)["test"]


def fake_run(folder, seed, test, **recipe):
    """A summary as a run leaves it, with scores chosen by hand."""
    folder.mkdir()
    recipe = vars(experiments.experiment("lenet-mnist", "book", **recipe))
    records.write_summary(
        folder,
        {
            "state": "finished", "recipe": recipe, "seed": seed, "operators": "hand",
            "processes": 1, "machine": {"device": "cpu"}, "seconds": 2.0 + seed,
            "dev": {"best_score": test}, "test": {"score": test},
        },
    )  # fmt: skip
    return folder


def test_seeds_make_one_row_with_mean_and_deviation(tmp_path):
    folders = [fake_run(tmp_path / str(i), i, score) for i, score in enumerate((0.90, 0.92, 0.94))]
    folders.append(fake_run(tmp_path / "decay", 0, 0.5, weight_decay=0.1))
    by_setting = {row["setting"]: row for row in compare.rows(compare.group(folders))}
    row = by_setting["as the preset"]
    assert row["seeds"] == 3 and row["test %"] == "92.00 ± 2.00"
    assert by_setting["weight_decay=0.1"]["test %"] == "50.00"
    scores = compare.test_scores(compare.group(folders), "book")
    assert scores == {"as the preset": pytest.approx([90, 92, 94]), "weight_decay=0.1": [50]}
    with pytest.raises(ValueError, match="same run"):
        compare.group([folders[0], fake_run(tmp_path / "again", 0, 0.9)])


def test_a_row_is_of_one_kind_of_machine(tmp_path):
    folders = [fake_run(tmp_path / str(i), i, 0.9) for i in range(3)]
    for folder, processor in zip(folders, ("A", "A", "B"), strict=True):
        summary = records.read_summary(folder)
        summary["machine"]["processor"] = processor
        records.write_summary(folder, summary)
    rows = compare.rows(compare.group(folders))
    assert [(row["operators, device"], row["seeds"]) for row in rows] == [
        ("hand, cpu (A)", 2),
        ("hand, cpu (B)", 1),
    ]


def test_the_report_prints_and_draws(finished, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- runs: begin -->\n<!-- runs: end -->\nafter\n")
    options = ["--figures", str(tmp_path), "--markdown", str(page)]
    done = subprocess.run(
        [sys.executable, "-m", "nndl.experiments.compare", str(finished), *options],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "lenet-mnist" in done.stdout
    assert (tmp_path / "curves-lenet-mnist.png").read_bytes()[:4] == b"\x89PNG"
    score = f"{100 * records.read_summary(finished)['test']['score']:.2f}"
    text = page.read_text()
    assert score in text and text.startswith("before\n") and text.endswith("after\n")


def test_the_report_refuses_what_is_no_run(tmp_path, capsys):
    assert compare.main([str(tmp_path)]) == 1
    assert "no summary.json" in capsys.readouterr().err
    (tmp_path / records.SUMMARY).write_text(json.dumps({"recipe": 1}))
    assert compare.main([str(tmp_path)]) == 1
    assert "is no summary of a run" in capsys.readouterr().err


def test_first_steps_of_the_stem_for_small_images():
    import paddle

    recipe = experiments.experiment("resnet18-cifar10", "gpu", data="cifar10-mini", batch_size=8)
    assert recipe.stem == "cifar"
    paddle.seed(0)
    model = experiments.build_model(recipe, "paddle")
    optimizer = experiments.build_optimizer(recipe, model, steps=100)
    loader = experiments.build_loaders(recipe, seed=0)[0]
    X, y = loader.batch(0, 0)
    assert model.module1(X).shape == [8, 64, 32, 32]  # the image's own size: no stride, no pooling
    losses = []
    for _ in range(3):
        loss = paddle.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert all(np.isfinite(losses)) and losses[-1] < losses[0]


def test_stored_runs_are_those_of_one_task():
    groups = compare.stored("resnet18-mnist")
    assert groups
    assert {key[0] for key in groups} == {"resnet18-mnist"}
    curves = compare.curves(groups)["resnet18-mnist"]
    assert [len(seeds) for seeds in curves.values()] == [len(runs) for runs in groups.values()]
    assert compare.stored("no such task") == {}
