#!/usr/bin/env python3
"""Train every setting of a study with several seeds, scored on the dev set alone.

python scripts/studies.py --list               what each study compares
python scripts/studies.py cifar10-mini         run what is missing in results/search/

The recipes of `nndl.experiments` and the claims of 5.3 to 5.5 rest on these files. A study goes on
where it was left; the test set is never looked at here.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import paddle
import paddle.nn as nn
import paddle.nn.functional as F

import nndl
from nndl import runtime
from nndl.experiments import build_loaders, build_model, build_optimizer, experiment
from nndl.experiments.recipes import build_stack
from nndl.layers import BatchNorm2D
from nndl.networks import ResBlock

FOLDER = Path(__file__).resolve().parent.parent / "results" / "search"


def lenet_mnist():
    """LeNet on 1,000 digits: epochs and rate of the quick recipe."""
    for epochs in (5, 15):
        for rate in (0.03, 0.1, 0.3):
            changes = {"num_epochs": epochs, "learning_rate": rate}
            yield f"{epochs} epochs, rate {rate}", experiment("lenet-mnist", **changes), range(5)


class PreActivation(ResBlock):
    """BN and ReLU before each convolution; the sum goes on as it is (He et al., 2016)."""

    def forward(self, X):
        Y = self.conv1(F.relu(self.bn1(X)))
        return X + self.conv2(F.relu(self.bn2(Y)))


#: kind of network in the study of depth -> its unit
KINDS = {"residual": ResBlock, "plain": ResBlock, "pre-activation": PreActivation}


def depth_mnist():
    """10, 18, 34 layers of 16 channels on 1,000 digits with and without direct edges."""
    for rate in (0.4, 0.1, 0.2, 0.8, 0.05):
        for units in (16, 4, 8):
            for kind in KINDS:
                recipe = experiment("resnet18-mnist", "book", learning_rate=rate)
                recipe = recipe.replace(use_residual=kind != "plain")
                yield f"{2 * units + 2} layers, {kind}, {rate}", (recipe, units, kind), range(5)


def ladder(data):
    """From the book's recipe for CIFAR-10 to `quick`, one change at a time, each kept."""
    recipe, ours = experiment("resnet18-cifar10", "book"), experiment("resnet18-cifar10")
    changes = {
        "book": {"data": data, "num_epochs": ours.num_epochs},
        "+ Nesterov": {"optimizer": ours.optimizer},
        "+ rate 0.01": {"learning_rate": ours.learning_rate},
        "+ one-cycle": {"schedule": ours.schedule},
        "+ batch 32": {"batch_size": ours.batch_size},
        "+ decay 0.0005": {"weight_decay": ours.weight_decay},
        "+ small last layer": {"head_scale": ours.head_scale},
        "+ augmentation": {"augment": ours.augment, "crop": ours.crop},
    }
    for name, change in changes.items():
        recipe = recipe.replace(**change)
        yield name, recipe
    assert recipe.replace(preset="", data="") == ours.replace(preset="", data="")


def cifar10_mini():
    """ResNet18 on 5,000 photographs, three epochs: the ladder, and the rate at its end."""
    rungs = dict(ladder("cifar10-mini"))
    augmented = rungs["book"].replace(augment=True, crop=2)
    for seed in range(5):
        for name, recipe in {**rungs, "book + augmentation": augmented}.items():
            yield name, recipe, [seed]
    for rate in (0.003, 0.03):
        last = rungs["+ augmentation"].replace(learning_rate=rate)
        yield f"last rung, rate {rate}", last, range(3)


def cifar10_full():
    """ResNet18 on 40,000 photographs, three epochs: both ends of the ladder, its largest steps."""
    rungs = dict(ladder("cifar10-full"))
    for name in ("book", "+ augmentation", "+ rate 0.01", "+ one-cycle", "+ Nesterov"):
        yield name, rungs[name], [0]


def decay_lenet():
    """LeNet on 5,000 photographs, 10 epochs of Adam: three strengths of weight decay."""
    book = experiment("resnet18-cifar10", "book", data="cifar10-mini", num_epochs=10)
    for decay in (0.0, 0.005, 0.05):
        recipe = book.replace(task="lenet-cifar10", weight_decay=decay)
        yield f"decay {decay:g}", recipe, range(5)


STUDIES = {
    f.__name__.replace("_", "-"): f
    for f in (lenet_mnist, depth_mnist, cifar10_mini, cifar10_full, decay_lenet)
}


def network_of(recipe, units=None, kind=None):
    """The network; one without direct edges starts from the very weights of the one with them."""
    if units is not None:
        stack = build_stack(units, recipe.use_residual, unit=KINDS[kind])
        if kind != "pre-activation":
            return stack
        layers = list(stack)  # the last sum has to be normalised, too
        return nn.Sequential(*layers[:-3], BatchNorm2D(16), nn.ReLU(), *layers[-3:])
    model = build_model(recipe.replace(use_residual=True))
    if recipe.use_residual:
        return model
    plain, start = build_model(recipe), model.state_dict()
    plain.set_state_dict({name: start[name] for name in plain.state_dict()})
    return plain


def measure(recipe, seed, *stack):
    """Train once; scores of the best epoch on dev, on images as they are."""
    runtime.seed_everything(seed)
    model = network_of(recipe, *stack)
    train, dev, _ = build_loaders(recipe, seed)
    optimizer = build_optimizer(recipe, model, recipe.num_epochs * len(train))
    runner = nndl.RunnerV3(model, optimizer, F.cross_entropy, nndl.Accuracy())
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        options = {"log_steps": 0, "progress": False, "save_path": Path(folder) / "best.pdparams"}
        runner.train(train, dev, recipe.num_epochs, **options)
        runner.load_model()
    seconds = time.perf_counter() - start
    seen = runner.evaluate(nndl.BatchLoader(train.dataset, 200))
    unseen = runner.evaluate(dev)
    return {
        "train": dict(zip(("accuracy", "loss"), seen, strict=True)),
        "dev": dict(zip(("accuracy", "loss"), unseen, strict=True)),
        "dev_scores": runner.dev_scores,
        "train_losses": runner.train_epoch_losses,
        "seconds": round(seconds, 1),
    }


def machine():
    """Where the runs of a study come from; a study is of one machine."""
    found = runtime.report()
    versions = {"paddle": paddle.__version__, "nndl": nndl.__version__}
    return {"processor": found.processor, "cores": found.cores, **versions}


def run(name):
    """Run what a study lacks; write after each run."""
    path = FOLDER / f"{name}.json"
    new = {"study": STUDIES[name].__doc__, "machine": machine(), "runs": []}
    study = json.loads(path.read_text("utf-8")) if path.exists() else new
    if study["machine"] != new["machine"]:
        sys.exit(f"{path} is of another machine: move it away and run the study anew")
    done = {(r["setting"], r["seed"]) for r in study["runs"]}
    for setting, recipe, seeds in STUDIES[name]():
        recipe, *stack = recipe if isinstance(recipe, tuple) else (recipe,)
        for seed in seeds:
            if (setting, seed) in done:
                continue
            done.add((setting, seed))
            result = measure(recipe, seed, *stack)
            kept = {k: v for k, v in vars(recipe).items() if k != "preset"}
            study["runs"].append({"setting": setting, "seed": seed, "recipe": kept, **result})
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(study, indent=1, ensure_ascii=False) + "\n", "utf-8")
            scores = f"train {result['train']['accuracy']:.3f}, dev {result['dev']['accuracy']:.3f}"
            print(f"{setting}, seed {seed}: {scores}, {result['seconds']} s", flush=True)


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", help="; ".join(STUDIES))
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.studies) - set(STUDIES):
        parser.error(f"no study {', '.join(unknown)}; there are {', '.join(STUDIES)}")
    if options.list:
        print("\n".join(f"{name}: {f.__doc__}" for name, f in STUDIES.items()))
    for name in options.studies:
        run(name)


if __name__ == "__main__":
    main()
