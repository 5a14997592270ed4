"""Shipped networks: their files, their scores, and what is refused."""

import shutil

import numpy as np
import paddle
import pytest

from nndl.dataset import data_folder
from nndl.experiments import recipes, shipped
from tests.conftest import ROOT


@pytest.mark.parametrize("task, least", [("lenet-mnist", 0.993), ("resnet20-cifar10", 0.90)])
def test_a_shipped_network_is_that_of_its_recipe(task, least):
    model, record = shipped.shipped(task)
    recipe = recipes.experiment(task, "full")
    assert record["recipe"] == vars(recipe) and not model.training
    assert record["test"]["score"] >= least and record["test"]["samples"] == 10000
    assert record["command"] == f"python -m nndl.train {task} --preset full --seed 0"
    file = data_folder() / "weights" / f"{task}.safetensors"
    trained = sum(p.size for p in model.parameters() if not p.stop_gradient)
    assert 4 * trained < file.stat().st_size < 4.2 * trained + 20_000


def test_both_kinds_of_operators_give_the_same_logits():
    X = recipes.build_dataset(recipes.experiment("resnet20-cifar10"), "test").batch(range(20))[0]
    logits = [
        shipped.shipped("resnet20-cifar10", o)[0](paddle.to_tensor(X)) for o in ("hand", "paddle")
    ]
    np.testing.assert_allclose(*(part.numpy() for part in logits), rtol=0, atol=1e-3)


def test_the_command_measures_the_recorded_scores(capsys, monkeypatch):
    monkeypatch.setattr(shipped, "EMBEDDED", {"resnet20-cifar10": "cifar10-mini"})
    assert shipped.main([]) == 0
    assert "1,000" in capsys.readouterr().out
    monkeypatch.setattr(shipped, "score", lambda model, data: (0.5, 1000))
    assert shipped.main([]) == 1
    assert "not the recorded score: resnet20-cifar10" in capsys.readouterr().err


def test_what_is_not_there_or_was_altered_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="lenet-mnist"):
        shipped.shipped("alexnet")
    monkeypatch.setenv("NNDL_DATA", str(tmp_path))
    shutil.copy(ROOT / "data" / "checksums.json", tmp_path)
    with pytest.raises(FileNotFoundError):
        shipped.shipped("lenet-mnist")
    file = tmp_path / "weights" / "lenet-mnist.safetensors"
    file.parent.mkdir()
    content = bytearray((ROOT / "data" / "weights" / file.name).read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="lenet-mnist"):
        shipped.shipped("lenet-mnist")
