"""Convolution, pooling and training steps against paddle.nn and PyTorch, in one table.

python -m benchmarks             every case; PyTorch where it is installed
python -m benchmarks --scaling   training steps with 1 to 256 images and 1 or 2 threads
"""

import argparse
import datetime
import json
import math
import platform
import statistics
import sys
from importlib import metadata
from pathlib import Path

from tqdm import tqdm

from . import cases, timing
from .timing import DIRECT, LOOPS, NNDL, PLAIN, PREPARED, STOCK, TORCH

SECTIONS = {
    "convolution": (cases.CONVOLUTIONS, [NNDL, PREPARED, STOCK, TORCH]),
    "ways to multiply": (cases.FORMS, [NNDL, DIRECT, PLAIN, PREPARED]),
    "pooling": (cases.POOLINGS, [NNDL, PREPARED, STOCK, TORCH]),
    "training step": (cases.TRAINING_STEPS, [NNDL, PREPARED, STOCK, TORCH]),
    "loops, small cases": (cases.LOOPS, [NNDL, PREPARED, LOOPS]),
}
BATCHES = (1, 4, 16, 64, 256)
ROUNDS, SECONDS = 7, 0.1


def environment():
    """Versions, and the processor as the runtime names it."""
    import nndl

    found = nndl.runtime.report()
    packages = ("paddlepaddle", "numpy", "torch")
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "date": datetime.date.today().isoformat(),
        "processor": found.processor,
        "model": processor_model(),
        "cores": found.cores,
        "BLAS path": found.fast_path,
        "versions": versions,
    }


def processor_model():
    """Name, family and model of the processor, as far as Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    entries = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    return ", ".join(entries.get(k, "") for k in ("model name", "cpu family", "model"))


def measure(sections, rounds, seconds):
    """Rows of the table, and what NumPy's products reach here; README.md says what is in them."""
    contestants = list(dict.fromkeys(c for _, group in sections.values() for c in group))
    total = sum(len(group) for group, _ in sections.values()) * rounds
    rows = []
    with timing.workers(contestants) as running, progress(total) as bar:
        ours = running[NNDL.library, NNDL.prepared]
        peaks = [ours.ask("peak")]
        for section, (group, present) in sections.items():
            for case in group:
                taken = timing.interleaved(case, present, running, rounds, seconds, bar.update)
                row = {"section": section, "case": str(case), "seconds": timing.summary(taken)}
                if not isinstance(case, cases.Pooling):
                    row.update(ours.ask("work", case))
                rows.append(row)
            peaks.append(ours.ask("peak"))
    peak = statistics.median(peaks)
    for row in rows:
        if "multiply-adds" in row:
            row["of peak"] = 2 * row["multiply-adds"] / row["seconds"][NNDL.name][0] / peak
    return rows, peak


def scaling(rounds, seconds):
    """Images a second of a training step by batch size and threads."""
    rows = []
    steps = [cases.TrainingStep(step.network, n) for step in cases.TRAINING_STEPS for n in BATCHES]
    with progress(2 * len(steps) * rounds) as bar:
        for threads in (1, 2):
            with timing.workers([NNDL], threads) as running:
                for case in steps:
                    taken = timing.interleaved(
                        case, [NNDL, PREPARED], running, rounds, seconds, bar.update
                    )
                    rows.append(
                        {
                            "network": case.network,
                            "batch": case.batch,
                            "threads": threads,
                            "images a second": {
                                name: case.batch / statistics.median(s) for name, s in taken.items()
                            },
                        }
                    )
    return rows


def progress(total):
    return tqdm(total=total, unit="round", leave=False, disable=not sys.stderr.isatty())


def ratio(row, name):
    """Our time over another's; below 1 we are faster."""
    return row["seconds"][NNDL.name][0] / row["seconds"][name][0]


def print_table(rows):
    """Ratios first, then milliseconds with their range."""
    for section in dict.fromkeys(row["section"] for row in rows):
        group = [row for row in rows if row["section"] == section]
        others = [name for name in group[0]["seconds"] if name != NNDL.name]
        print(f"\n{section}: time of nndl / time of …   (below 1: nndl is faster)")
        head = "".join(f"{name:>26}" for name in others)
        print(f"{'':44}{head}{'nndl, ms (range)':>30}{'of peak':>9}  form, × of direct")
        for row in group:
            middle, low, high = (1000 * s for s in row["seconds"][NNDL.name])
            own = f"{middle:.3g} ({low:.3g}–{high:.3g})"
            cells = "".join(f"{ratio(row, name):26.2f}" for name in others)
            peak = f"{row['of peak']:.2f}" if "of peak" in row else ""
            form = f"  {row['form']}, {row['multiplications']:.2f}" if "form" in row else ""
            print(f"{row['case']:44}{cells}{own:>30}{peak:>9}{form}")
        means = (math.exp(statistics.fmean(math.log(ratio(r, n)) for r in group)) for n in others)
        print(f"{'geometric mean':44}" + "".join(f"{mean:26.2f}" for mean in means))


def print_scaling(rows):
    print("\ntraining steps: images a second")
    for row in rows:
        speeds = row["images a second"].items()
        cells = "  ".join(f"{name} {speed:8.0f}" for name, speed in speeds)
        print(f"{row['network']:10} batch {row['batch']:4} {row['threads']} thread(s)  {cells}")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--scaling", action="store_true", help="batch sizes and threads instead")
    parser.add_argument("--only", choices=sorted(SECTIONS), help="one section")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="times each case is taken")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    if options.scaling:
        rows = scaling(options.rounds, SECONDS)
        print_scaling(rows)
    else:
        chosen = {k: v for k, v in SECTIONS.items() if options.only in (None, k)}
        rows, peak = measure(chosen, options.rounds, SECONDS)
        print_table(rows)
        print(f"\nNumPy's products reach {peak / 1e9:.0f} GFLOP/s on this machine ('of peak')")
    if options.json:
        content = {"environment": environment(), "rows": rows}
        if not options.scaling:
            content["environment"]["NumPy's peak, FLOP/s"] = peak
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
