"""Ask several processes in turn, so that all of them meet the same state of a noisy machine."""

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: seconds that a library's idle threads may still spin after its last call
SETTLE = 0.02


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Who computes: a process and what it calls.

    Attributes
    ----------
    name : str
    library : 'paddle' or 'torch'
    variant : 'nndl', 'direct', 'plain', 'paddle.nn', 'loops' or 'torch'
        'direct' and 'plain' are nndl with that `NNDL_FORM`.
    prepared : bool
        Whether `nndl` may choose threads and BLAS path; otherwise Paddle as it comes.
    """

    name: str
    library: str
    variant: str
    prepared: bool = True


NNDL = Contestant("nndl", "paddle", "nndl")
DIRECT = Contestant("nndl, direct", "paddle", "direct")
PLAIN = Contestant("nndl, plain", "paddle", "plain")
PREPARED = Contestant("paddle.nn", "paddle", "paddle.nn")
STOCK = Contestant("paddle.nn, stock process", "paddle", "paddle.nn", prepared=False)
TORCH = Contestant("PyTorch", "torch", "torch")
LOOPS = Contestant("loops", "paddle", "loops")


class Worker:
    """A process of `benchmarks.worker`."""

    def __init__(self, library, prepared, threads):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        for name in (
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "MKL_DEBUG_CPU_TYPE",
            "NNDL_RUNTIME",
            "NNDL_FORM",
        ):
            environment.pop(name, None)
        if not prepared:
            environment["NNDL_RUNTIME"] = "off"
        elif threads:
            environment["OMP_NUM_THREADS"] = str(threads)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        answer = self.answer()
        self.missing = answer.get("error")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.process.args[-1]} ended without an answer")
        return json.loads(line)

    def ask(self, what, case=None):
        """The 'work' of a case, or the 'peak' of NumPy's products; see `benchmarks.worker`."""
        request = {"kind": type(case).__name__, "variant": what}
        request["case"] = dataclasses.asdict(case) if case else None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self.answer()["answer"]

    def seconds(self, case, variant, budget):
        request = {
            "kind": type(case).__name__,
            "case": dataclasses.asdict(case),
            "variant": variant,
            "seconds": budget,
        }
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self.answer()["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


@contextlib.contextmanager
def workers(contestants, threads=None):
    """(library, prepared) -> Worker, for those whose library is installed."""
    kinds = dict.fromkeys((c.library, c.prepared) for c in contestants)
    running = {kind: Worker(*kind, threads) for kind in kinds}
    try:
        yield {kind: worker for kind, worker in running.items() if not worker.missing}
    finally:
        for worker in running.values():
            worker.close()


def interleaved(case, contestants, running, rounds, budget, on_round=None):
    """Seconds of one call by each contestant, taken in turns.

    Parameters
    ----------
    case : Convolution, Pooling or TrainingStep
    contestants : sequence of Contestant
    running : dict
        From `workers`.
    rounds : int
    budget : float
        Seconds that each contestant calculates in each round.

    Returns
    -------
    dict of str to list of float
        Name to one figure a round; contestants whose library is missing are left out.
    """
    present = [c for c in contestants if (c.library, c.prepared) in running]
    taken = {c.name: [] for c in present}
    for number in range(rounds):
        for contestant in present[number % len(present) :] + present[: number % len(present)]:
            worker = running[contestant.library, contestant.prepared]
            taken[contestant.name].append(worker.seconds(case, contestant.variant, budget))
            time.sleep(SETTLE)
        if on_round:
            on_round()
    return taken


def summary(taken):
    """Median, lowest and highest of each list."""
    return {name: (statistics.median(s), min(s), max(s)) for name, s in taken.items()}
