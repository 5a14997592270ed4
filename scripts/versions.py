"""The package beside older Paddle: unit tests and two notebooks, in environments of their own.

python scripts/versions.py             # builds them below build/versions/, needs a package index
python scripts/versions.py 2.6.2       # one of them
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "versions"
#: Paddle → NumPy, Pythons that Paddle has wheels for, the first found is taken
VERSIONS = {"2.6.2": ("1.26.4", ("3.10", "3.11")), "3.0.0": ("1.26.4", ("3.10", "3.11"))}
TESTS = (
    "layers", "networks", "analysis", "dataset", "test_metric.py", "runner", "figures", "display",
    "reader",
)  # fmt: skip
#: one for the operators, one for training
NOTEBOOKS = ("5.1", "5.3")
#: LeNet up to an epoch, in a folder, from where a run in the folder stopped: its last losses
TRAIN = """
import sys, nndl, paddle
from nndl.dataset import MNISTDataset
paddle.seed(int(sys.argv[3]))
model, loader = nndl.LeNet(), nndl.BatchLoader(MNISTDataset("dev"), 64, shuffle=True, seed=0)
rate = paddle.optimizer.lr.CosineAnnealingDecay(0.05, T_max=16)
optimizer = paddle.optimizer.Momentum(rate, parameters=model.parameters())
runner = nndl.RunnerV3(model, optimizer, paddle.nn.functional.cross_entropy)
runner.train(loader, num_epochs=int(sys.argv[1]), log_steps=0, checkpoint=sys.argv[2], resume=True)
print(*(f"{loss:.5f}" for _, loss in runner.train_step_losses[-4:]))
"""


def interpreter(versions):
    """Path of a Python of one of these versions, or None: on PATH, of pyenv, or this very one."""
    for version in versions:
        installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        for path in (shutil.which(f"python{version}"), *installed, sys.executable):
            command = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            if path and _output(command) == version:  # a shim may be there and not work
                return path
    return None


def _output(command):
    return subprocess.run(map(str, command), capture_output=True, text=True).stdout.strip()


def run(*command, **environment):
    """(succeeded, last lines of what it wrote); all of it is shown as it comes."""
    print("$", *command[:9], "..." if len(command) > 9 else "", flush=True)
    lines = []
    with subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    ) as process:  # fmt: skip
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.strip())
    return process.returncode == 0, lines


def counts(lines):
    """'1000 passed, 3 skipped' from the words that pytest ends with."""
    found = [re.findall(r"(\d+) (passed|failed|skipped|error)", line) for line in lines]
    return ", ".join(f"{n} {what}" for n, what in next((f for f in found[::-1] if f), []))


def try_version(paddle, numpy, pythons):
    """Outcome of one version of Paddle, as a word and a sentence with the counts."""
    started, python = time.perf_counter(), interpreter(pythons)
    if python is None:
        return "skipped", f"no Python {' or '.join(pythons)} was found for it"
    folder = BUILD / paddle
    own = folder / "bin" / "python"
    if not own.exists() or _output([own, "-c", "import pytest, nndl; print(1)"]) != "1":
        made, _ = run("sh", "scripts/make_venv.sh", python, folder)
        packages = (f"paddlepaddle=={paddle}", f"numpy=={numpy}", "-e", ".[test]")
        if not (made and run(own, "-m", "pip", "install", "--quiet", *packages)[0]):
            return "FAILED", "its environment could not be made"
    places = [ROOT / "tests" / name for name in TESTS]
    options = ("-n", "2", "-rs", "-p", "no:cacheprovider", "--durations=3")
    passed, lines = run(own, "-m", "pytest", *options, *places)
    seconds = []
    for name in NOTEBOOKS:
        command = (own, "scripts/notebooks.py", "run", "--only", name)
        begun = time.perf_counter()
        done, _ = run(*command, NNDL_BUILD=str(folder / "notebooks"))
        passed &= done
        seconds.append(f"{name} {f'{time.perf_counter() - begun:.0f} s' if done else 'FAILED'}")
    version = _output([own, "-c", "import platform; print(platform.python_version())"])
    minutes = (time.perf_counter() - started) / 60
    return "ok" if passed else "FAILED", (
        f"Python {version}, NumPy {numpy}: {counts(lines)}; notebooks {', '.join(seconds)}; "
        f"{minutes:.1f} minutes"
    )


def try_resume(pythons):
    """Outcome and words of runs begun with one version of Paddle that go on with another."""

    def losses(*parts):
        with tempfile.TemporaryDirectory() as folder:
            for seed, (python, epochs) in enumerate(parts):  # who did not go on would differ
                output = _output([pythons[python], "-c", TRAIN, epochs, folder, seed])
        return output.rpartition("\n")[2]

    whole = losses((next(iter(pythons)), 4))
    pairs = list(itertools.product(pythons, repeat=2))
    found = {f"{a} to {b}": losses((a, 2), (b, 4)) for a, b in pairs}
    same = whole and set(found.values()) == {whole}
    return "ok" if same else "FAILED", (
        f"{len(pairs)} runs begun with one of {', '.join(pythons)} and ended with another: "
        + (f"the losses of one, {whole}" if same else f"{found}, in one {whole}")
    )


def main():
    chosen = sys.argv[1:] or list(VERSIONS)
    if unknown := set(chosen) - set(VERSIONS):
        sys.exit(f"expected some of {', '.join(VERSIONS)}, got {', '.join(sorted(unknown))}")
    results = {f"Paddle {name}": try_version(name, *VERSIONS[name]) for name in chosen}
    pythons = {name: BUILD / name / "bin" / "python" for name in chosen}
    pythons = {name: path for name, path in pythons.items() if path.exists()}
    results["resume"] = try_resume({"this one's": sys.executable, **pythons})
    for name, (outcome, words) in results.items():
        print(f"{outcome:8}{name}: {words}")
    return "FAILED" in dict(results.values())


if __name__ == "__main__":
    sys.exit(main())
