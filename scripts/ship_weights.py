#!/usr/bin/env python3
"""Train a network that ships with the project, and write its file in data/weights.

python scripts/ship_weights.py lenet-mnist          a minute on two cores
python scripts/ship_weights.py resnet20-cifar10     an hour; fetches CIFAR-10 first

One command from the images to the file: `python -m nndl.train TASK --preset full --seed 0`, then
the weights that were best on the dev set, with the run's whole summary (recipe, versions, sha256 of
the data, scores) as the file's record. The page's half precision is made from LeNet's file where
it is needed, by `nndl.figures.live_figures`.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nndl import download  # noqa: E402  of this checkout
from nndl.experiments import build_model, experiment, shipped  # noqa: E402
from nndl.runner.saving.checkpoint import read_file, write_file  # noqa: E402

#: what the network must reach on the 10,000 test images
LEAST = {"lenet-mnist": 0.993, "resnet20-cifar10": 0.90}


def main():
    """Train, check, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=LEAST)
    parser.add_argument("--run", type=Path, help="a finished run of that command, to train nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "data")
    options = parser.parse_args()
    command = ["-m", "nndl.train", options.task, "--preset", "full", "--seed", "0"]
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or Path(folder)
        if options.run is None:
            if "cifar10" in options.task:
                download.ensure("cifar10")
            subprocess.run([sys.executable, *command, "--out", run], cwd=ROOT, check=True)
        summary = json.loads((run / "summary.json").read_text())
        arrays, _ = read_file(run / "best_model.pdparams")
    recipe = vars(experiment(options.task, "full"))
    if summary["recipe"] != recipe or summary["seed"] != 0 or summary["state"] != "finished":
        sys.exit(f"expected a finished run of python {' '.join(command)}, got {summary['recipe']}")
    if summary["test"]["score"] < LEAST[options.task]:
        sys.exit(f"expected {LEAST[options.task]:.1%} of the test images, got {summary['test']}")
    model = build_model(experiment(options.task, "full"))
    model.set_state_dict(arrays)
    model.eval()
    kept = ("seed", "operators", "versions", "machine", "data", "epochs", "seconds", "dev", "test")
    record = {"command": " ".join(["python", *command]), "recipe": recipe}
    record |= {key: summary[key] for key in kept if key in summary}
    if (data := shipped.EMBEDDED[options.task]) != recipe["data"]:
        found, count = shipped.score(model, data)
        record["embedded"] = {"score": found, "samples": count}
    name = f"weights/{options.task}.safetensors"
    write_file(options.out / name, arrays, record)
    sums = json.loads((options.out / "checksums.json").read_text())
    sums[name] = hashlib.sha256((options.out / name).read_bytes()).hexdigest()
    path = options.out / "checksums.json"
    path.write_text(json.dumps(dict(sorted(sums.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
