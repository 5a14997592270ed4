"""Recipes: every one builds, prints whole, and is what the book says where it is the book's."""

import dataclasses

import paddle
import pytest

from nndl import experiments
from nndl.dataset.cifar10 import CIFAR10Dataset
from nndl.dataset.mnist import MNISTDataset
from nndl.experiments import compare, recipes
from nndl.experiments.recipes import EXPERIMENTS, PRESETS, TASKS, experiment

ALL = [key for key in EXPERIMENTS if key[1] in PRESETS]


def test_every_task_has_every_preset():
    every = {(task, preset) for task in TASKS for preset in PRESETS}
    # ResNet-20 is not in the book; CIFAR-10 has one more, which needs a GPU
    assert set(ALL) == every - {("resnet20-cifar10", "book")}
    assert set(EXPERIMENTS) == {*ALL, ("resnet18-cifar10", "gpu")}
    assert TASKS == ("lenet-mnist", "resnet18-mnist", "resnet18-cifar10", "resnet20-cifar10")
    for (task, preset), recipe in EXPERIMENTS.items():
        assert (recipe.task, recipe.preset) == (task, preset)


def test_the_books_recipes_are_the_books():
    for task, rate in (("lenet-mnist", 0.1), ("resnet18-mnist", 0.01)):
        recipe = experiment(task, "book")
        assert (recipe.data, recipe.optimizer, recipe.learning_rate) == ("mnist-book", "sgd", rate)
        assert (recipe.num_epochs, recipe.batch_size, recipe.schedule) == (5, 64, "constant")
    recipe = experiment("resnet18-cifar10", "book")
    assert (recipe.data, recipe.optimizer, recipe.learning_rate) == ("cifar10-full", "adam", 0.001)
    assert (recipe.weight_decay, recipe.batch_size, recipe.num_epochs) == (0.005, 64, 30)
    assert not recipe.augment


@pytest.mark.parametrize("task, preset", ALL)
def test_a_recipe_is_printed_in_full(task, preset):
    recipe = experiment(task, preset)
    fields = dataclasses.asdict(recipe)
    printed = dict(line.split(None, 1) for line in str(recipe).splitlines())
    assert printed == {name: str(value) for name, value in fields.items()}
    page = recipe._repr_html_()
    assert all(f">{name}<" in page and f">{value}<" in page for name, value in fields.items())


@pytest.fixture
def no_full_set(monkeypatch):
    """The whole CIFAR-10 need not have been downloaded to build a recipe for it."""
    whole = recipes.CIFAR10Dataset

    def part(mode, subset):
        assert subset in ("mini", "full", "paper")
        return whole(mode, "mini")

    monkeypatch.setattr(recipes, "CIFAR10Dataset", part)


@pytest.mark.parametrize(
    "task, preset, operators",
    [*((*recipe, "paddle") for recipe in ALL), *((task, "quick", "hand") for task in TASKS)],
)
def test_every_recipe_builds_and_takes_a_step(task, preset, operators, no_full_set):
    recipe = experiment(task, preset, batch_size=4)
    paddle.seed(0)
    model = experiments.build_model(recipe, operators)
    train, dev, test = experiments.build_loaders(recipe, seed=1)
    optimizer = experiments.build_optimizer(recipe, model, steps=20)
    assert train.shuffle and not dev.shuffle and not test.shuffle
    assert (train.augment is not None) == recipe.augment
    assert dev.augment is None and test.augment is None
    X, y = next(iter(train))
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    loss = paddle.nn.functional.cross_entropy(model(X), y)
    loss.backward()
    optimizer.step()
    assert X.shape == [4, 1 if "mnist" in task else 3, 32, 32]
    assert 0 < loss.item() < 20
    parameters = {name for name, _ in model.named_parameters()}
    changed = {n for n, v in model.state_dict().items() if (v.numpy() != before[n]).any()}
    assert len(changed & parameters) > 0.9 * len(parameters)


@pytest.mark.parametrize("task", TASKS)
def test_splits_of_a_recipe(task):
    sizes = {
        "mnist-book": (1000, 200, 200),
        "mnist-full": (55000, 5000, 10000),
        "cifar10-mini": (5000, 1000, 1000),
    }
    for recipe in (experiment(*key) for key in ALL if key[0] == task):
        if recipe.data in sizes:
            parts = [experiments.build_dataset(recipe, mode) for mode in ("train", "dev", "test")]
            assert tuple(map(len, parts)) == sizes[recipe.data]
            kind = MNISTDataset if recipe.data.startswith("mnist") else CIFAR10Dataset
            assert all(type(part) is kind for part in parts)


def test_the_one_cycle_schedule_rises_to_its_peak_and_falls():
    recipe = experiment("lenet-mnist", "full")
    model = experiments.build_model(recipe)
    optimizer = experiments.build_optimizer(recipe, model, steps=100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.get_lr())
        optimizer._learning_rate.step()
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates.index(max(rates)) == pytest.approx(30, abs=1)
    assert rates[-1] < recipe.learning_rate / 100


def test_rates_of_a_run_are_those_of_its_optimizer():
    rates = recipes.learning_rates(experiment("lenet-mnist", "full"), 100)
    assert len(rates) == 100 and max(rates) == pytest.approx(1) and rates[-1] < 0.01
    assert recipes.learning_rates(experiment("lenet-mnist", "book"), 3) == [1, 1, 1]


@pytest.mark.parametrize("units", [4, 16])
def test_a_stack_has_its_depth_and_no_costly_edges(units):
    with_, without = (recipes.build_stack(units, residual) for residual in (True, False))
    weights = [p for p in with_.parameters() if p.ndim > 1]
    assert len(weights) == 2 * units + 2
    shapes = [[list(v.shape) for v in m.state_dict().values()] for m in (with_, without)]
    assert shapes[0] == shapes[1]
    X = paddle.rand([2, 1, 32, 32])
    assert with_(X).shape == without(X).shape == [2, 10]


def test_records_over_epochs_end_at_the_number_of_epochs():
    class Done:
        steps_done, epochs_done = 8, 2
        train_step_losses, dev_losses = [(0, 3.0), (7, 1.0)], [(3, 2.0), (7, 1.0)]
        dev_scores = (0.1, 0.2)

    found = compare.in_epochs(Done)
    assert found["train_step_losses"] == [(0.25, 3.0), (2.0, 1.0)]
    assert found["dev_losses"] == [(1.0, 2.0), (2.0, 1.0)] and found["dev_scores"] == (0.1, 0.2)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: experiment("lenet", "quick"), ValueError),
        (lambda: experiment("lenet-mnist", "fast"), ValueError),
        (lambda: experiment("lenet-mnist", learning_rat=1), (ValueError, TypeError)),
        (
            lambda: experiments.build_optimizer(
                experiment("lenet-mnist", optimizer="lion"), paddle.nn.Linear(1, 1), 1
            ),
            ValueError,
        ),
        (
            lambda: experiments.build_loaders(experiment("lenet-mnist", data="mnist-huge")),
            ValueError,
        ),
    ],
)
def test_unknown_names_are_refused(call, error):
    with pytest.raises(error, match=r"lenet|lion|learning_rat|huge"):
        call()


def test_a_changed_copy_leaves_the_recipe():
    recipe = experiment("lenet-mnist")
    assert recipe.replace(weight_decay=0.3).weight_decay == 0.3
    assert experiment("lenet-mnist", weight_decay=0.3).weight_decay == 0.3
    assert experiment("lenet-mnist") == recipe
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.data = "x"
