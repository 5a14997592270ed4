#!/usr/bin/env python3
"""Measure what training survives: kills, damaged files, full disks; and what safety costs.

python scripts/robustness.py kills [--count 50]        killed and resumed runs end identically
python scripts/robustness.py mutations [--count 1000]  damaged files are refused or whole
python scripts/robustness.py calls [--count 10000]     every call is right, or refused by name
python scripts/robustness.py disk                      a full and a read-only file system
python scripts/robustness.py cost                      checkpointing, and RunnerV3 itself
"""

import argparse
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import nndl  # noqa: E402  first: it prepares the runtime that Paddle starts with

# isort: split
import generated_calls  # noqa: E402
import paddle  # noqa: E402
import paddle.nn.functional as F  # noqa: E402
from mutations import malicious_pickles, mutations, object_archive  # noqa: E402

from nndl import Accuracy, BatchLoader, LeNet, ResNet18, RunnerV3  # noqa: E402
from nndl.runner import callbacks  # noqa: E402
from nndl.runner.saving import checkpoint  # noqa: E402

EPOCHS, BATCHES = 3, 5
CASES = ("lenet-momentum", "lenet-adam", "resnet18-momentum", "resnet18-adam")
MOMENTS = ("backward", "step", "evaluate", "epoch", "write", "rename")


class Pictures:
    """Generated pictures; `noisy` ones differ at each reading, by NumPy's global generator."""

    def __init__(self, size, channels, noisy=False):
        rng = np.random.default_rng(7)
        self.images = rng.normal(size=(size, channels, 32, 32)).astype("float32")
        self.labels = rng.integers(0, 10, size)
        self.noisy = noisy

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        noise = np.random.normal() if self.noisy else 0.0  # noqa: NPY002
        return self.images[i] + np.float32(noise), self.labels[i]


def add_noise(images, rng):
    return images + rng.normal(size=images.shape).astype("float32")


def runner_and_loader(case):
    """LeNet or ResNet18, Momentum or Adam, with a schedule, dropout, shuffling, random data."""
    name, optimizer = case.split("-")
    nndl.seed_everything(11)
    lenet = name == "lenet"
    size, batch = (78, 16) if lenet else (18, 4)  # the last batch is smaller
    model = paddle.nn.Sequential(
        LeNet(1, num_classes=16) if lenet else ResNet18(3, num_classes=16),
        paddle.nn.Dropout(0.3),
        paddle.nn.Linear(16, 10),
    )
    parameters = model.parameters()
    if optimizer == "momentum":
        rate = paddle.optimizer.lr.OneCycleLR(0.05, total_steps=EPOCHS * BATCHES)
        optimizer = paddle.optimizer.Momentum(
            rate, 0.9, parameters=parameters, use_nesterov=True, weight_decay=1e-3
        )
        data = Pictures(size, 1 if lenet else 3)
        loader = BatchLoader(data, batch, shuffle=True, augment=add_noise)
    else:
        rate = paddle.optimizer.lr.CosineAnnealingDecay(0.01, T_max=EPOCHS * BATCHES)
        clip = paddle.nn.ClipGradByGlobalNorm(1.0)
        optimizer = paddle.optimizer.Adam(rate, parameters=parameters, grad_clip=clip)
        data = Pictures(size, 1 if lenet else 3, noisy=True)
        loader = paddle.io.DataLoader(data, batch_size=batch, shuffle=True)
    dev = paddle.io.DataLoader(Pictures(20, 1 if lenet else 3), batch_size=8)
    return RunnerV3(model, optimizer, F.cross_entropy, Accuracy()), loader, dev


class Kill(callbacks.Callback):
    """Kills this very process at a moment of a step."""

    def __init__(self, moment, step):
        self.moment, self.step = moment, step

    def die(self, moment, step):
        if moment == self.moment and step >= self.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_step_end(self, runner, step, loss):
        self.die("step", step)

    def on_evaluate(self, runner, step, score, loss):
        self.die("evaluate", step)

    def on_epoch_end(self, runner, epoch, loss):
        self.die("epoch", runner.steps_done - 1)

    def watch_files(self, runner):
        """Die half way through a write: before its file is complete on disk, or just renamed."""
        fsync, replace = os.fsync, os.replace

        def sync(handle):
            self.die("write", runner.steps_done - 1)
            fsync(handle)

        def rename(a, b):
            replace(a, b)
            self.die("rename", runner.steps_done - 1)

        os.fsync, os.replace = sync, rename


def train(case, folder, kill=None):
    """Train in this process, resuming what is there; print a digest of everything at the end."""
    runner, loader, dev = runner_and_loader(case)
    options = {}
    if kill:
        moment, step = kill.split(":")
        killer = Kill(moment, int(step))
        killer.watch_files(runner)
        options = {
            "callbacks": [killer],
            "custom_print_log": lambda runner: killer.die("backward", runner.steps_done),
        }
    runner.train(
        loader, dev, num_epochs=EPOCHS, log_steps=0, eval_steps=3, checkpoint=folder,
        checkpoint_steps=2, resume=True, **options,
    )  # fmt: skip
    print(json.dumps({"steps": runner.steps_done, "digest": digest(runner)}))


def digest(runner):
    """SHA-256 of weights, moments, schedule, records and the best model's file."""
    from nndl.runner.saving.resume import optimizer_state

    total = hashlib.sha256()
    moments, rest = optimizer_state(runner.optimizer)
    best, _ = checkpoint.read_file(runner.best_path)
    for arrays in (checkpoint.model_arrays(runner.model), moments, best):
        for name in sorted(arrays):
            total.update(name.encode() + arrays[name].tobytes())
    names = ("train_step_losses", "train_epoch_losses", "dev_losses", "dev_scores", "best_score")
    total.update(repr([rest, *(getattr(runner, name) for name in names)]).encode())
    return total.hexdigest()


def in_process(case, folder, kill=None):
    """Run `train` in a process of its own; its result, or None if it was killed."""
    code = "import sys, robustness; robustness.train(*sys.argv[1:])"
    command = [sys.executable, "-c", code, case, str(folder), *([kill] if kill else [])]
    done = subprocess.run(
        command, cwd=ROOT / "scripts", capture_output=True, text=True, timeout=300
    )
    if done.returncode == -signal.SIGKILL:
        return None
    if done.returncode:
        raise RuntimeError(f"{case} {kill} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def kills(count, cases=CASES, seed=0):
    """Kill runs at random moments of random steps; resume; compare with an undisturbed run.

    Returns
    -------
    (int, int)
        Runs that were killed, runs that ended identically to the undisturbed one.
    """
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = {case: in_process(case, Path(folder) / case) for case in cases}
        killed = same = 0
        for number in range(count):
            case = cases[number % len(cases)]
            place = Path(folder) / str(number)
            moment, step = MOMENTS[rng.integers(len(MOMENTS))], rng.integers(EPOCHS * BATCHES - 1)
            killed += in_process(case, place, f"{moment}:{step}") is None
            same += (result := in_process(case, place)) == whole[case]
            verdict = "identical" if result == whole[case] else "DIFFERENT"
            print(f"{number + 1:3}  {case:18} {moment:>8} of step {step:2}  {verdict}", flush=True)
    return killed, same


def damage(count):
    """Damage weights, checkpoints, archives and hostile pickles; count what became of them."""
    outcome = {"refused": 0, "whole": 0, "silently wrong": 0, "executed": 0, "file changed": 0}
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        runner, loader, dev = runner_and_loader("lenet-adam")
        runner.train(loader, dev, log_steps=0, checkpoint=folder / "run")
        fallback, checkpoint._build_safetensors = checkpoint._build_safetensors, None
        runner.save_model(folder / "run" / "archive.npz")
        checkpoint._build_safetensors = fallback
        paths = sorted((folder / "run").iterdir())
        contents = [path.read_bytes() for path in paths]
        sentinel = folder / "executed"
        hostile = [*malicious_pickles(str(sentinel)), object_archive(str(sentinel))]
        candidates = [("hostile", None, content) for content in hostile]
        share = -(-(count - len(hostile)) // len(paths))
        for path, content in zip(paths, contents, strict=True):
            intact = checkpoint.read_file(path)
            others = [c for c in contents if c is not content] + hostile
            candidates += [(k, intact, new) for k, new in mutations(content, rng, share, others)]
        for _, intact, content in candidates[:count]:
            damaged = folder / "damaged"
            damaged.write_bytes(content)
            try:
                arrays, record = checkpoint.read_file(damaged)
            except ValueError:
                outcome["refused"] += 1
            else:
                whole = intact and record == intact[1] and arrays.keys() == intact[0].keys()
                whole = whole and all(np.array_equal(arrays[n], intact[0][n]) for n in arrays)
                outcome["whole" if whole else "silently wrong"] += 1
            outcome["executed"] += sentinel.exists()
            outcome["file changed"] += damaged.read_bytes() != content
    return outcome


def disk():
    """A file system too small for a second checkpoint, then the same one read-only (needs root)."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = ["mount", "-t", "tmpfs", "-o", "size=3000k", "tmpfs", folder]
        if subprocess.run(mounted, capture_output=True).returncode:
            return "not possible here: mounting a tmpfs needs root"
        try:
            runner, loader, _ = runner_and_loader("lenet-adam")
            run = Path(folder) / "run"
            options = {"log_steps": 0, "checkpoint": run, "checkpoint_steps": 2, "resume": True}
            results = []
            filled = Path(folder) / "filler"

            def fill(runner):
                if runner.steps_done == 3:
                    with contextlib.suppress(OSError), open(filled, "wb", buffering=0) as file:
                        while file.write(bytes(4096)):
                            pass

            try:
                runner.train(loader, num_epochs=EPOCHS, custom_print_log=fill, **options)
            except RuntimeError as error:
                results.append(f"full disk: {error}".replace(folder, "…"))
            _, record = checkpoint.read_file(run / "checkpoint.nndl")
            results.append(f"checkpoint of step {record['steps']} loads")
            leftovers = sorted(path.name for path in run.iterdir())
            results.append(f"files there: {', '.join(leftovers)}")
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            again, loader, _ = runner_and_loader("lenet-adam")
            try:
                again.train(loader, num_epochs=EPOCHS, **options)
            except RuntimeError as error:
                results.append(f"read-only: {error}".replace(folder, "…"))
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
            filled.unlink()
            again, loader, _ = runner_and_loader("lenet-adam")
            again.train(loader, num_epochs=EPOCHS, **options)
            results.append(f"with space again: resumed and finished, {again.steps_done} steps")
            return "\n".join(results)
        finally:
            subprocess.run(["umount", folder], check=True)


def cost(steps=200, every=100):
    """Seconds of checkpointing in an epoch of ResNet18, and of RunnerV3 beside a bare loop."""
    lines = []
    nndl.seed_everything(0)
    rng = np.random.default_rng(0)

    def batches(count, channels):
        X = paddle.to_tensor(rng.normal(size=(64, channels, 32, 32)).astype("float32"))
        return [(X, paddle.to_tensor(rng.integers(0, 10, 64)))] * count

    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        for name in ("Momentum", "Adam"):
            model = ResNet18(3)
            optimizer = getattr(paddle.optimizer, name)(0.01, parameters=model.parameters())
            runner = RunnerV3(model, optimizer, F.cross_entropy, Accuracy())
            spent = []
            write = checkpoint.write_file

            def timed(*arguments, write=write, spent=spent):
                begin = time.perf_counter()
                write(*arguments)
                spent.append(time.perf_counter() - begin)

            checkpoint.write_file = timed
            begin = time.perf_counter()
            runner.train(
                batches(steps, 3), log_steps=0, checkpoint=Path(folder) / name,
                checkpoint_steps=every,
            )  # fmt: skip
            whole = time.perf_counter() - begin
            checkpoint.write_file = write
            size = (Path(folder) / name / "checkpoint.nndl").stat().st_size / 1e6
            # The first write is at step 0, before training; an epoch has `steps / every` others.
            regular = spent[1 : 1 + steps // every]
            share = sum(regular) / (whole - sum(spent))
            lines.append(
                f"ResNet18, {name}: {size:.0f} MB in {np.mean(spent):.2f} s, every {every} steps "
                f"of {(whole - sum(spent)) / steps:.3f} s: {share:.1%}"
            )
    ratios = []
    for _ in range(7):
        times = {}
        for kind in ("bare", "runner"):
            nndl.seed_everything(0)
            model = LeNet(1)
            optimizer = paddle.optimizer.Momentum(0.01, parameters=model.parameters())
            data = batches(120, 1)
            begin = time.perf_counter()
            if kind == "bare":
                losses = []
                for X, y in data:
                    loss = F.cross_entropy(model(X), y)
                    loss.backward()
                    optimizer.step()
                    optimizer.clear_grad()
                    losses.append(loss.item())
            else:
                runner = RunnerV3(model, optimizer, F.cross_entropy)
                runner.train(data, log_steps=0)
            times[kind] = time.perf_counter() - begin
        ratios.append(times["runner"] / times["bare"])
    lines.append(
        f"LeNet, batch 64, RunnerV3 / bare loop: {np.median(ratios):.3f} "
        f"(median of {len(ratios)}, {min(ratios):.3f} to {max(ratios):.3f})"
    )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["kills", "mutations", "calls", "disk", "cost"])
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    begin = time.perf_counter()
    if options.what == "kills":
        count = options.count or 50
        killed, same = kills(count)
        print(f"{count} runs, {killed} killed, {same} ended identically")
        failed = same != count
    elif options.what == "mutations":
        outcome = damage(options.count or 1000)
        print(", ".join(f"{number} {name}" for name, number in outcome.items()))
        failed = any(outcome[n] for n in ("silently wrong", "executed", "file changed"))
    elif options.what == "calls":
        outcome = generated_calls.in_processes(options.count or 10_000)
        print(", ".join(f"{number} {name}" for name, number in outcome.items()))
        failed = any(number for name, number in outcome.items() if name not in ("right", "refused"))
    else:
        print({"disk": disk, "cost": cost}[options.what]())
        failed = False
    print(f"{time.perf_counter() - begin:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
