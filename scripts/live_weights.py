"""Train the LeNet that ships with the project, and write data/weights/lenet-mnist.safetensors.

    python scripts/live_weights.py [--out data]

One command from the digits to the file: `python -m nndl.train lenet-mnist --preset full --seed 0`
(about a minute on two cores), then the weights that were best on the dev set, with the run's whole
summary (recipe, versions, sha256 of the data, scores) as the file's record. The page's half
precision is made from this file where it is needed, by `nndl.figures.live`.
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

from nndl.runner.saving.checkpoint import read_file, write_file  # noqa: E402  of this checkout

NAME = "weights/lenet-mnist.safetensors"
COMMAND = ["-m", "nndl.train", "lenet-mnist", "--preset", "full", "--seed", "0"]
LEAST = 0.993  # of the 10,000 test digits


def main():
    """Train, check, write."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--out", type=Path, default=ROOT / "data")
    out = options.parse_args().out
    with tempfile.TemporaryDirectory() as run:
        subprocess.run([sys.executable, *COMMAND, "--out", run], cwd=ROOT, check=True)
        summary = json.loads((Path(run) / "summary.json").read_text())
        arrays, _ = read_file(Path(run) / "best_model.pdparams")
    if summary["test"]["score"] < LEAST:
        sys.exit(f"expected at least {LEAST:.1%} of the test digits, got {summary['test']}")
    kept = ("recipe", "seed", "operators", "versions", "machine", "data", "dev", "test")
    record = {"command": " ".join(["python", *COMMAND]), **{key: summary[key] for key in kept}}
    write_file(out / NAME, arrays, record)
    sums = json.loads((out / "checksums.json").read_text())
    sums[NAME] = hashlib.sha256((out / NAME).read_bytes()).hexdigest()
    (out / "checksums.json").write_text(json.dumps(dict(sorted(sums.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
