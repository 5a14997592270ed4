"""Intervals and paired tests against printed tables; stored studies are whole, of one kind."""

import itertools
import json
import math

import numpy as np
import pytest

from nndl.experiments import recipes, studies
from tests.conftest import ROOT

STORED = sorted((ROOT / "results" / "search").glob("*.json"))


def test_an_interval_is_that_of_students_t():
    mean, half = studies.interval([4.0, 6.0, 8.0])
    assert mean == 6 and half == pytest.approx(4.303 * 2 / math.sqrt(3), rel=1e-3)
    # by a table: 97.5 % quantile 2.045 for 29 degrees of freedom
    values = np.random.default_rng(0).normal(size=30)
    mean, half = studies.interval(values)
    assert half == pytest.approx(2.045 * values.std(ddof=1) / math.sqrt(30), rel=5e-3)
    assert studies.interval([3])[0] == 3 and math.isnan(studies.interval([3])[1])
    with pytest.raises(ValueError, match="at least one"):
        studies.interval([])


def test_intervals_hold_the_truth_95_times_of_100():
    draws = np.random.default_rng(1).normal(size=(4000, 3))
    inside = [abs(mean) <= half for mean, half in map(studies.interval, draws)]
    assert 0.94 < np.mean(inside) < 0.96
    pairs = np.random.default_rng(2).normal(scale=[[1], [3]], size=(4000, 2, 4))
    inside = [abs(mean) <= half for mean, half in (studies.welch(*pair) for pair in pairs)]
    assert 0.94 < np.mean(inside) < 0.985  # degrees of freedom are rounded down


@pytest.mark.parametrize(
    "wins, losses, p", [(3, 0, 0.25), (0, 5, 0.0625), (5, 5, 1.0), (8, 2, 0.109375), (0, 0, 1.0)]
)
def test_a_sign_test_is_the_binomial(wins, losses, p):
    assert studies.sign_test(wins, losses) == pytest.approx(p)
    assert studies.sign_test(losses, wins) == pytest.approx(p)


def test_pairs_count_what_only_one_gets_right():
    right = {"a": np.array([1, 1, 0, 0, 0], bool), "b": np.array([1, 0, 1, 1, 0], bool)}
    (row,) = studies.paired(right)
    assert (row["A"], row["B"], row["only A right"], row["only B right"]) == ("b", "a", 2, 1)
    assert row["p"] == "1"


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_study_is_whole(path):
    stored = json.loads(path.read_text("utf-8"))
    assert set(stored["machine"]) == {"processor", "cores", "paddle", "nndl"}
    seen = [(run["setting"], run["seed"]) for run in stored["runs"]]
    assert len(set(seen)) == len(seen)
    study = studies.Study(path.stem)
    settings = {}
    for run in stored["runs"]:
        assert "test" not in run  # the test set is not looked at
        recipe = json.dumps(run["recipe"], sort_keys=True)
        assert settings.setdefault(run["setting"], recipe) == recipe
        assert 0 <= run["dev"]["accuracy"] <= 1 and run["dev"]["loss"] > 0
        assert run["dev"]["accuracy"] == max(run["dev_scores"])
    table = str(study.table())
    assert study.machine in table and all(name in table for name in study.runs)


def test_the_quick_recipe_is_the_best_of_those_tried():
    search = studies.Study("cifar10-mini")
    tried = [name for name in search.runs if name.startswith("last rung")] + ["+ augmentation"]
    assert len(tried) == 3 and search.best(tried) == "+ augmentation"
    kept = search.runs["+ augmentation"][0]["recipe"]
    now = vars(recipes.experiment("resnet18-cifar10"))
    assert {name: now[name] for name in kept} == kept


def test_every_rung_changes_one_thing():
    search = studies.Study("cifar10-mini")
    rungs = [name for name in search.runs if name == "book" or name.startswith("+ ")]
    assert len(rungs) == 8 and all(len(search.runs[name]) >= 5 for name in rungs)
    for below, above in itertools.pairwise(rungs):
        old, new = (search.runs[name][0]["recipe"] for name in (below, above))
        changed = {key for key in old if old[key] != new[key]} - {"crop"}  # of augmentation
        assert len(changed) == 1, (below, above, changed)


def test_differences_are_taken_seed_by_seed():
    study = object.__new__(studies.Study)

    def run(seed, train, dev):
        return {"seed": seed, "train": {"accuracy": train}, "dev": {"accuracy": dev}}

    study.runs = {"a": [run(0, 0.5, 0.4), run(1, 0.6, 0.3)], "b": [run(1, 0.9, 0.5)]}
    study.name, study.machine = "made up", "none"
    assert study.differences("b", "a") == pytest.approx([20])
    assert study.differences("b", "a", "train") == pytest.approx([30])
    assert study.differences("b", "a", "gap") == pytest.approx([10])
    table = str(study.table(reference="previous"))
    assert "+20.0" in table and table.count("—") == 1


def test_fifteen_epochs_of_lenet_beat_five_at_every_rate():
    study = studies.Study("lenet-mnist")
    for rate in ("0.03", "0.1", "0.3"):
        short, long = (np.mean(study.values(f"{n} epochs, rate {rate}")) for n in (5, 15))
        assert long > short
    assert recipes.experiment("lenet-mnist").num_epochs == 15


def test_a_study_that_is_not_there_says_how_to_get_it():
    with pytest.raises(FileNotFoundError, match=r"scripts/studies\.py no-such"):
        studies.Study("no-such")
