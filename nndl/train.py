"""Train a network of the chapter from the command line, on one process or many.

    python -m nndl.train lenet-mnist --preset full
    python -m paddle.distributed.launch --nproc_per_node 2 --backend gloo nndl/train.py lenet-mnist

The folder of the run holds `summary.json`, `metrics.jsonl`, the best weights and a checkpoint.
"""

import argparse
import math
import os
import shlex
import signal
import sys
from pathlib import Path

if not __package__:  # started as a file, as paddle.distributed.launch does
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from nndl import runtime
from nndl._arguments import path_of
from nndl.experiments import recipes, records
from nndl.metric import Accuracy
from nndl.runner import BEST, CHECKPOINT, RunnerV3, distributed

CHECKPOINT_STEPS = 100
#: what a run that goes on takes from its summary where the command line does not say it
_REMEMBERED = (
    *("preset", "seed", "operators", "learning_rate", "weight_decay"),
    *("use_residual", "stem", "batch_size"),
)


def parser():
    """The command line."""
    out = argparse.ArgumentParser(prog="python -m nndl.train", description=__doc__.split("\n")[0])
    out.add_argument("task", choices=recipes.TASKS)
    presets = sorted({preset for _, preset in recipes.EXPERIMENTS})
    out.add_argument("--preset", choices=presets, help="recipe (quick)")
    out.add_argument("--seed", type=int, help="of weights, order and augmentation (0)")
    out.add_argument("--epochs", type=int, help="instead of the recipe's number")
    out.add_argument("--batch-size", type=int, help="of all processes together")
    out.add_argument("--learning-rate", type=float, help="constant, or the peak of one-cycle")
    out.add_argument("--weight-decay", type=float)
    out.add_argument(
        "--no-residual", dest="use_residual", action="store_false", default=None,
        help="ResNet18 without its direct edges",
    )  # fmt: skip
    out.add_argument("--stem", choices=("imagenet", "cifar"), help="first layers of ResNet18")
    out.add_argument(
        "--operators", choices=("hand", "paddle"),
        help="convolution and pooling: nndl's (on a CPU) or paddle.nn's (on a GPU)",
    )  # fmt: skip
    out.add_argument("--device", default="auto", help="auto, cpu, gpu or gpu:0 …")
    out.add_argument("--out", type=path_of, help="folder of the run (runs/<task>-<preset>-seed<n>)")
    out.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    return out


def recipe_of(options):
    """The recipe that the command line asks for.

    Raises
    ------
    ValueError
    """
    names = {"epochs": "num_epochs"}
    changes = {
        names.get(name, name): getattr(options, name)
        for name in (
            "epochs",
            "batch_size",
            "learning_rate",
            "weight_decay",
            "use_residual",
            "stem",
        )
        if getattr(options, name) is not None
    }
    for name in ("num_epochs", "batch_size"):
        if changes.get(name, 1) < 1:
            raise ValueError(f"{name} must be at least 1, got {changes[name]}")
    for name, low in (("learning_rate", math.ulp(0)), ("weight_decay", 0)):
        if not low <= changes.get(name, 1) < math.inf:
            expected = "positive" if low else "0 or a positive number"
            raise ValueError(f"{name} must be {expected} and finite, got {changes[name]}")
    if "lenet" in options.task and {"use_residual", "stem"} & set(changes):
        raise ValueError("--no-residual and --stem are for the tasks with ResNet18")
    return recipes.experiment(options.task, options.preset, **changes)


def settle(options):
    """Fill in what was not said: from the run to go on with, else the defaults.

    Returns
    -------
    Path, Experiment, dict or None
        Folder, recipe, and the summary of the run to go on with.

    Raises
    ------
    ValueError, FileNotFoundError
        The folder and the command do not fit together.
    """
    found = None
    if options.resume and options.out is None:
        raise ValueError("--resume needs --out: the folder of the run to go on with")
    if options.out is not None and (options.out / records.SUMMARY).exists():
        found = records.read_summary(options.out)
        if not options.resume:
            raise ValueError(
                f"{options.out} holds a run already ({found['recipe']['task']}, "
                f"{found['recipe']['preset']}, seed {found['seed']}, {found['state']}): name "
                "another --out, or add --resume to go on with it"
            )
        if found["recipe"]["task"] != options.task:
            raise ValueError(
                f"{options.out} holds a run of {found['recipe']['task']}, not {options.task}"
            )
        for name in _REMEMBERED:
            if getattr(options, name) is None:
                setattr(options, name, {**found["recipe"], **found}.get(name))
        if "lenet" in options.task:
            options.use_residual = options.stem = None
        if options.epochs is None:
            options.epochs = found["recipe"]["num_epochs"]
    elif options.out is not None and options.out.is_file():
        raise ValueError(f"{options.out} is a file: name a new folder with --out")
    elif options.out is not None and options.out.exists() and any(options.out.iterdir()):
        raise ValueError(
            f"{options.out} is not empty and holds no run: name a new folder with --out"
        )
    options.preset = options.preset or "quick"
    options.seed = 0 if options.seed is None else options.seed
    recipe = recipe_of(options)
    if options.out is None:
        plain = "" if recipe.use_residual else "-no-residual"
        options.out = Path("runs") / f"{options.task}-{options.preset}{plain}-seed{options.seed}"
        return settle(options)
    if found:
        check_same(recipe, options, found)
    return options.out, recipe, found


def check_same(recipe, options, found):
    """Refuse to go on with another recipe than the run began with.

    Raises
    ------
    ValueError
        Names every difference.
    """
    now = {**vars(recipe), "seed": options.seed, "operators": options.operators}
    then = {**found["recipe"], "seed": found["seed"], "operators": found["operators"]}
    if recipe.schedule == "constant" and now["num_epochs"] >= then["num_epochs"]:
        now["num_epochs"] = then["num_epochs"]  # training longer is going on
    different = [f"{k}: {then.get(k)} → {v}" for k, v in now.items() if then.get(k) != v]
    if different:
        raise ValueError(
            f"the run in {options.out} began with other settings ({'; '.join(different)}): leave "
            "them out to go on with it, or name another --out"
        )


def command(options, team):
    """The command that goes on with this run."""
    start = "python -m nndl.train"
    if team.size > 1:
        gloo = "" if str(options.device).startswith("gpu") else " --backend gloo"
        start = f"python -m paddle.distributed.launch --nproc_per_node {team.size}{gloo}"
        start += " nndl/train.py"
    return f"{start} {options.task} --out {shlex.quote(str(options.out))} --resume"


def build(options, recipe, team):
    """Model, optimiser and loaders, joined in a runner.

    Returns
    -------
    RunnerV3, tuple of loaders
    """
    import paddle

    runtime.seed_everything(options.seed)
    loaders = recipes.build_loaders(recipe, options.seed, team if team.size > 1 else None)
    model = recipes.build_model(recipe, options.operators)
    if team.size > 1:
        if options.device.startswith("gpu"):  # Paddle has it for GPUs only
            model = paddle.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        model = paddle.DataParallel(model)
    optimizer = recipes.build_optimizer(recipe, model, len(loaders[0]) * recipe.num_epochs)
    runner = RunnerV3(
        model,
        optimizer,
        paddle.nn.functional.cross_entropy,
        Accuracy(),
        resume_command=command(options, team),
    )
    return runner, loaders


def train(options, team):
    """One run, from the beginning or from where it was left.

    Returns
    -------
    int
        Exit code: 0, or 130 after an interruption.
    """
    options.device = runtime.set_device(options.device)
    folder, recipe, found = settle(options)
    team.sum(0)  # all have looked at the folder before the first one writes to it
    if options.operators is None:
        options.operators = "hand" if options.device == "cpu" else "paddle"
    runner, loaders = build(options, recipe, team)
    datasets = {n: x.dataset for n, x in zip(("train", "dev", "test"), loaders, strict=True)}
    parameters = sum(p.size for p in runner.model.parameters() if not p.stop_gradient)
    about = records.describe(
        recipe, options.seed, options.operators, options.device, team, datasets
    )
    sizes = ", ".join(f"{len(data):,} {name}" for name, data in datasets.items())
    more = {
        "seed": options.seed,
        "operators": options.operators,
        "processes": team.size,
        "parameters": f"{parameters:,}",
        "images": sizes,
        "out": folder,
    }
    print(recipe, *(f"{name:<13}  {value}" for name, value in more.items()), sep="\n")
    print(f"{runtime.report()}\n", flush=True)
    recorder = records.Recorder(folder if team.first else None)
    summary = {"state": "unfinished", **about, "parameters": parameters}
    if team.first:
        folder.mkdir(parents=True, exist_ok=True)
        if not (found and found["state"] == "finished"):
            records.write_summary(folder, summary)
    with distributed.LastWord(last_word(options, team), team.first and team.size > 1):
        runner.train(
            loaders[0],
            loaders[1],
            num_epochs=recipe.num_epochs,
            log_steps=0,
            checkpoint=folder,
            checkpoint_steps=CHECKPOINT_STEPS,
            resume=found is not None,
            callbacks=[recorder],
            progress=team.first,
        )
    if runner.state != "finished":
        return 130
    team.sum(0)  # the best weights are written
    runner.load_model(folder / BEST)
    score, loss = runner.evaluate(loaders[2])
    summary = {
        **summary,
        "state": "finished",
        "run_id": runner.run_id,
        "epochs": runner.epochs_done,
        "steps": runner.steps_done,
        "seconds": round(recorder.seconds, 2),
        "train_loss": runner.train_epoch_losses[-1],
        "dev": {"best_score": runner.best_score, "scores": runner.dev_scores},
        "test": {"score": score, "loss": loss, "samples": len(datasets["test"])},
    }
    if team.first:
        records.write_summary(folder, summary)
    print(f"trained in {recorder.seconds:.1f} s; best dev score {runner.best_score:.4f}")
    print(f"test score of the best weights {score:.4f}, loss {loss:.4f}; all in {folder}")
    return 0


def main(argv=None):
    """Run the command; errors that a user can mend are one message."""
    options = parser().parse_args(argv)
    team = distributed.join()
    if not team.first:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the first process speaks for all
    asked = []

    def press(number, frame):  # launchers and batch systems end a job with SIGTERM, some twice
        if not asked:
            asked.append(number)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, press)
    try:
        return train(options, team)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        if team.size > 1 and "gloo" in str(error).lower():
            print(last_word(options, team), file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)


def last_word(options, team):
    """What a job says that one of its processes has left."""
    path = options.out / CHECKPOINT
    return (
        f"error: a process of this job was killed or has failed, so the job ends. {path} holds the "
        f"run up to its last checkpoint, one every {CHECKPOINT_STEPS} steps. To go on, with this "
        f"or another number of processes: {command(options, team)}"
    )


if __name__ == "__main__":
    sys.exit(main())
