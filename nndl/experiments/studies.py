"""Many runs read together: stored studies, intervals over seeds, paired tests on one test set."""

import json
import math
import statistics
from pathlib import Path

from ..display.table import table

#: 97.5 % quantile of Student's t for 1, 2, … degrees of freedom
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def interval(values):
    """Mean and half the width of its 95 % interval by Student's t.

    Parameters
    ----------
    values : sequence of float
        One a seed, independent of one another.

    Returns
    -------
    (float, float)
        The half width is nan for a single value: one run says nothing about the spread.

    Examples
    --------
    >>> from nndl.experiments.studies import interval
    >>> mean, half = interval([1.0, 2.0, 3.0])
    >>> round(mean, 2), round(half, 2)
    (2.0, 2.48)
    """
    values = [float(v) for v in values]
    if not values:
        raise ValueError("expected at least one value, got none")
    if len(values) == 1:
        return values[0], math.nan
    error = statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values), _student(len(values) - 1) * error


def _student(freedom):
    return _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else 1.96 + 2.4 / freedom


def welch(ones, others):
    """Difference of the means of two samples and half its 95 % interval, variances apart.

    Parameters
    ----------
    ones, others : sequences of float
        At least two values each, independent of one another.

    Returns
    -------
    (float, float)
        By Welch's t; degrees of freedom are rounded down, which widens the interval.
    """
    parts = [statistics.variance(values) / len(values) for values in (ones, others)]
    ends = [part**2 / (len(v) - 1) for part, v in zip(parts, (ones, others), strict=True)]
    freedom = max(1, int(sum(parts) ** 2 / sum(ends))) if sum(ends) else 1
    difference = statistics.mean(ones) - statistics.mean(others)
    return difference, _student(freedom) * math.sqrt(sum(parts))


def sign_test(wins, losses):
    """Two-sided p-value of `wins` against `losses` where both were equally likely.

    For seeds: how many of them favour a setting. For two classifiers on the same images
    (McNemar's exact test): images that only one of them gets right.

    Examples
    --------
    >>> from nndl.experiments.studies import sign_test
    >>> sign_test(3, 0)
    0.25
    """
    n, fewer = wins + losses, min(wins, losses)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)


def paired(right):
    """Every pair of classifiers on the same images, as rows for `table`.

    Parameters
    ----------
    right : dict of str to bool array [B]
        Which images a classifier gets right.
    """
    names, rows = list(right), []
    for i, second in enumerate(names):
        for first in names[:i]:
            only = int((right[second] & ~right[first]).sum())
            other = int((right[first] & ~right[second]).sum())
            p = sign_test(only, other)
            rows.append({"A": second, "B": first, "only A right": only, "only B right": other})
            rows[-1]["p"] = "<0.0001" if p < 1e-4 else f"{p:.2g}"
    return rows


class Study:
    """The runs of a study in `results/search/`: settings by name, several seeds each.

    Parameters
    ----------
    name : str
        As in `python scripts/studies.py --list`.

    Attributes
    ----------
    runs : dict of str to list of dict
        Setting to its runs in the order of the seeds; each has `seed`, `recipe`, and `train` and
        `dev` with `accuracy` and `loss` of the best epoch on dev.
    machine : str

    Raises
    ------
    FileNotFoundError
        The folder is not at hand, or holds no such study.
    """

    def __init__(self, name):
        here = Path(__file__).resolve()  # in a checkout; an installed package has a copy beside it
        folders = here.parents[2] / "results" / "search", here.parent / "search"
        path = next((f / f"{name}.json" for f in folders if (f / f"{name}.json").exists()), None)
        if path is None:
            raise FileNotFoundError(
                f"expected the study {name!r} in results/search/ beside the package, found none: "
                f"run python scripts/studies.py {name}"
            )
        stored = json.loads(path.read_text("utf-8"))
        self.name, self.runs, machine = name, {}, stored["machine"]
        self.machine = f"{machine['processor']}, {machine['cores']} cores"
        for run in sorted(stored["runs"], key=lambda run: run["seed"]):
            self.runs.setdefault(run["setting"], []).append(run)

    def values(self, setting, part="dev", what="accuracy"):
        """One number a seed."""
        return [run[part][what] for run in self.runs[setting]]

    def best(self, settings):
        """The setting with the highest mean accuracy on dev."""
        return max(settings, key=lambda name: statistics.mean(self.values(name)))

    def table(self, settings=None, reference=None, seed=None):
        """Means over the seeds in percent; differences to `reference`, seed by seed.

        Parameters
        ----------
        settings : list of str, optional
            All by default.
        reference : str, optional
            Then the last column is the mean difference of dev accuracy in points, with its 95 %
            interval over the seeds that both have; 'previous' compares each row with the one above.
        seed : int, optional
            The runs of this seed alone.
        """
        rows, above, column = [], None, f"dev − {reference}"
        for name in settings or self.runs:
            runs = [run for run in self.runs[name] if seed in (None, run["seed"])]
            train, dev = (statistics.mean(r[p]["accuracy"] for r in runs) for p in ("train", "dev"))
            row = {"setting": name, "seeds": len(runs), "train %": 100 * train}
            rows.append({**row, "dev %": 100 * dev, "train − dev": 100 * (train - dev)})
            other, above = above if reference == "previous" else reference, name
            if other not in (None, name):
                mean, half = interval(self.differences(name, other))
                spread = "" if math.isnan(half) else f" ± {half:.1f}"
                rows[-1][column] = f"{mean:+.1f}{spread}"
        formats = dict.fromkeys(("train %", "dev %", "train − dev"), ".1f")
        note = f"stored: {self.machine}; python scripts/studies.py {self.name}"
        return table(rows, formats=formats, notes=[note])

    def differences(self, name, reference, part="dev"):
        """Points by which a setting lies above the reference, one a common seed.

        Parameters
        ----------
        name, reference : str
        part : 'dev', 'train' or 'gap'
            Accuracy on these images; 'gap' is train − dev.
        """

        def points(run):
            train, dev = (100 * run[p]["accuracy"] for p in ("train", "dev"))
            return {"dev": dev, "train": train, "gap": train - dev}[part]

        theirs = {run["seed"]: points(run) for run in self.runs[reference]}
        return [points(r) - theirs[r["seed"]] for r in self.runs[name] if r["seed"] in theirs]
