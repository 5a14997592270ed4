"""Tables and curves of training runs: `python -m nndl.experiments.compare runs/*`.

Runs that differ in nothing but the seed make one row, with mean ± standard deviation.
"""

import argparse
import statistics
import sys
from pathlib import Path

from ..display.table import table
from . import records
from .recipes import EXPERIMENTS


def group(folders):
    """Runs by what they have in common.

    Parameters
    ----------
    folders : iterable of str or Path

    Returns
    -------
    dict of (task, preset, setting, where) to list of (Path, dict)
        Folders and summaries of the runs, one a seed; `setting` says in words what differs from
        the preset's recipe, `where` the operators, device, processor and number of processes, so
        that a row is of one kind of machine.

    Raises
    ------
    FileNotFoundError, ValueError
        A folder holds no run; two runs are the same, seed included.
    """
    groups = {}
    for folder in map(Path, folders):
        summary = records.read_summary(folder)
        recipe = summary["recipe"]
        key = (recipe["task"], recipe["preset"], _setting(recipe), _where(summary))
        same = groups.setdefault(key, [])
        for other, seen in same:
            if seen["seed"] == summary["seed"]:
                raise ValueError(
                    f"{folder} and {other} are the same run, seed {summary['seed']} included: "
                    "leave one out"
                )
        same.append((folder, summary))
    return groups


def _setting(recipe):
    preset = EXPERIMENTS.get((recipe["task"], recipe["preset"]))
    known = vars(preset) if preset else {}
    different = {k: v for k, v in recipe.items() if known.get(k) != v}
    return ", ".join(f"{k}={v}" for k, v in different.items())


def _where(summary):
    processes, machine = summary["processes"], summary["machine"]
    shared = f" × {processes} processes" if processes > 1 else ""
    processor = f" ({machine['processor']})" if "processor" in machine else ""
    return f"{summary['operators']}, {machine['device']}{processor}{shared}"


def spread(values, spec=".2f"):
    """Mean ± sample standard deviation, or the only value."""
    if not values:
        return None
    mean = format(statistics.mean(values), spec)
    return f"{mean} ± {format(statistics.stdev(values), spec)}" if len(values) > 1 else mean


def rows(groups):
    """One row a group, as dictionaries for `table`.

    Returns
    -------
    list of dict
        Scores in percent. Seconds stay in the summaries: a run does not know what else the
        machine was doing.
    """
    out = []
    for (task, preset, setting, where), members in groups.items():
        done = [summary for _, summary in members if summary["state"] == "finished"]
        out.append(
            {
                "task": task,
                "preset": preset,
                "setting": setting or "as the preset",
                "operators, device": where,
                "seeds": len(done),
                "unfinished": len(members) - len(done),
                "epochs": members[0][1]["recipe"]["num_epochs"],
                "best dev %": spread([100 * s["dev"]["best_score"] for s in done]),
                "test %": spread([100 * s["test"]["score"] for s in done]),
            }
        )
        if not out[-1]["unfinished"]:
            del out[-1]["unfinished"]
    return out


def test_scores(groups, preset):
    """Test scores in percent of a preset's finished runs: setting to one value a seed."""
    return {
        setting or "as the preset": [100 * s["test"]["score"] for _, s in members]
        for (_, name, setting, _), members in groups.items()
        if name == preset and all(s["state"] == "finished" for _, s in members)
    }


def markdown(groups):
    """The rows as a Markdown table."""
    lines = rows(groups)
    names = list(dict.fromkeys(name for line in lines for name in line))
    left = {"task", "preset", "setting", "operators, device"}
    out = ["| " + " | ".join(names) + " |"]
    out.append("|" + "|".join(":--" if name in left else "--:" for name in names) + "|")
    for line in lines:
        out.append("| " + " | ".join(str(line.get(name) or "—") for name in names) + " |")
    return "\n".join(out)


def curves(groups):
    """What `figures.compare_runs` draws of each task: one label for a group, one curve a seed.

    Returns
    -------
    dict of str to dict of str to list
        Runs without metrics.jsonl are left out.
    """
    tasks = {}
    for (task, preset, setting, where), members in groups.items():
        found = [r for r in (records.records(f) for f, _ in members) if r["dev_scores"]]
        found = [r for r in found if r["train_step_losses"]]
        if found:
            label = ", ".join(part for part in (preset, setting) if part)
            label = f"{label} ({where})" if label in tasks.get(task, {}) else label
            tasks.setdefault(task, {})[label] = found
    return tasks


def in_epochs(runner):
    """A runner's records over epochs instead of steps, so that batches of any size compare.

    Returns
    -------
    dict
        As `figures.compare_runs` takes it: `train_step_losses`, `dev_losses`, `dev_scores`.
    """
    an_epoch = runner.steps_done / runner.epochs_done
    return {
        name: [((step + 1) / an_epoch, loss) for step, loss in getattr(runner, name)]
        for name in ("train_step_losses", "dev_losses")
    } | {"dev_scores": runner.dev_scores}


def stored(task):
    """The runs of a task that are kept in `results/`, grouped; empty where that is not at hand.

    Examples
    --------
    >>> from nndl.experiments import compare
    >>> compare.stored("no such task")
    {}
    """
    folder = Path(__file__).resolve().parents[2] / "results"
    return group(sorted(p.parent for p in folder.glob(f"{task}-*/{records.SUMMARY}")))


def draw(groups, folder):
    """Draw training loss and dev score of every task into a PNG.

    Returns
    -------
    list of Path
        `curves-<task>.png`; tasks whose runs have no metrics.jsonl are left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from ..figures.training import compare_runs

    paths = []
    for task, named in curves(groups).items():
        figure = compare_runs(named, window=1)
        path = Path(folder) / f"curves-{task}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        FigureCanvasAgg(figure).print_figure(path, dpi=150)
        paths.append(path)
    return paths


def put_between(page, name, text):
    """Put a table between the two marks of that name in a Markdown page.

    Raises
    ------
    ValueError
        The page has no such marks.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = page.read_text(encoding="utf-8")
    if begin not in old or end not in old:
        raise ValueError(f"{page} needs the lines {begin} and {end}: the table goes between them")
    head, tail = old.split(begin)[0], old.split(end)[1]
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def main(argv=None):
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m nndl.experiments.compare",
        description="Tabulate and draw runs of python -m nndl.train.",
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, such as runs/*")
    parser.add_argument("--figures", type=Path, help="folder for the PNGs (that of the first run)")
    parser.add_argument("--markdown", type=Path, help="also put the table into this Markdown page")
    options = parser.parse_args(argv)
    folders = [p for p in options.runs if p.is_dir()]  # results/* has a README, too
    try:
        if not folders:
            raise FileNotFoundError(f"no folder among {', '.join(map(str, options.runs))}")
        if any(
            (p / records.SUMMARY).exists() for p in folders
        ):  # the launcher's logs lie there, too
            folders = [p for p in folders if (p / records.SUMMARY).exists()]
        groups = dict(sorted(group(folders).items()))
        print(table(rows(groups)))
        for path in draw(groups, options.figures or folders[0].parent):
            print(f"curves in {path}")
        if options.markdown:
            put_between(options.markdown, "runs", markdown(groups))
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
