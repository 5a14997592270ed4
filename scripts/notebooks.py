#!/usr/bin/env python3
"""Execute the five notebooks, check what the reader would see, write clean outputs.

python scripts/notebooks.py run        execute copies in build/notebooks/
python scripts/notebooks.py outputs    execute and write the outputs into notebooks/
python scripts/notebooks.py check      hold the committed files against the house rules
"""

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from notebook_rules import output_problems, rule_problems, stamp

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "notebooks"
BUILD = Path(os.environ.get("NNDL_BUILD", ROOT / "build" / "notebooks"))
CELL_SECONDS = 900


def set_parameters(notebook, values):
    """Override the assignments of the cell tagged `parameters`, as papermill does."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            for name, value in values.items():
                cell.source, hits = re.subn(
                    rf"(?m)^{name}\s*=.*$", f"{name} = {value!r}", cell.source
                )
                if not hits:
                    raise SystemExit(f"the parameters cell has no line '{name} = …'")
            return
    raise SystemExit("no cell is tagged 'parameters'")


def execute(path, folder, values=None, on_cell=None):
    """Run one notebook in `folder`; return it with its outputs, even if a cell failed."""
    notebook = nbformat.read(path, as_version=4)
    if values:
        set_parameters(notebook, values)
    # The kernel of this very environment, whatever kernels the user has registered.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        # Newer kernels warn of anyone who might listen on this machine's own network.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=on_cell,
    )
    error = None
    try:
        client.execute()
    except CellExecutionError as problem:
        error = problem
    return notebook, error


def clean(notebook):
    """Keep what a diff should show: no timing, no versions of the machine, no streams in pieces."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in ("tags", "jupyter") if key in cell.metadata}
        )
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
            for output in cell.outputs:
                leave_still(output)
    stamp(notebook)
    return notebook


def leave_still(output):
    """Drop a widget that has a picture or a page beside it: a file holds no kernel to answer it."""
    data = output.get("data", {})
    if {"text/html", "image/png"} & set(data):
        data.pop("application/vnd.jupyter.widget-view+json", None)


def merge_streams(outputs):
    """One stream output where consecutive prints arrived as several messages."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def key_result(notebook):
    """The last line that the cell tagged `result` printed."""
    for cell in reversed(notebook.cells):
        if "result" in cell.metadata.get("tags", []):
            text = "".join(o.get("text", "") for o in cell.outputs).strip()
            return text.splitlines()[-1] if text else ""
    return ""


def bar(path, total):
    from tqdm import tqdm

    return tqdm(
        total=total, desc=path.stem, unit="cell", leave=False, disable=not sys.stderr.isatty()
    )


def run(paths, values, in_place):
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    failed, started = 0, time.perf_counter()
    for path in paths:
        begin = time.perf_counter()
        code = sum(c.cell_type == "code" for c in nbformat.read(path, as_version=4).cells)
        with bar(path, code) as progress:
            notebook, error = execute(path, BUILD, values, lambda **_: progress.update())
        problems = output_problems(notebook)
        target = path if in_place and not (error or problems) else BUILD / path.name
        nbformat.write(clean(notebook), target)
        seconds = time.perf_counter() - begin
        state = "FAILED" if error or problems else "ok    "
        print(f"{state} {path.name:32} {seconds:6.1f} s  {key_result(notebook)}", flush=True)
        for line in ([str(error)[-3000:]] if error else []) + problems:
            print(f"       {line}")
        failed += bool(error or problems)
    print(
        f"{len(paths) - failed} of {len(paths)} notebooks in {time.perf_counter() - started:.0f} s"
    )
    if in_place:
        print("Outputs written into notebooks/. Look at them: .venv/bin/jupyter lab notebooks")
    else:
        print(f"Executed copies: {os.path.relpath(BUILD)}/")
        print("Open the notebooks: .venv/bin/jupyter lab notebooks")
    return failed


def check(paths):
    found = [f"{p.name}: {line}" for p in paths for line in rule_problems(nbformat.read(p, 4))]
    print("\n".join(found) or f"{len(paths)} notebooks keep the rules")
    return len(found)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["run", "outputs", "check"], nargs="?", default="run")
    parser.add_argument("--only", default="", help="notebooks whose name starts so, e.g. 5.3")
    parser.add_argument("--preset", help="override PRESET of the parameters cell")
    options = parser.parse_args(arguments)
    paths = sorted(SOURCES.glob(f"{options.only}*.ipynb"))
    if not paths:
        parser.error(f"no notebook in {SOURCES} starts with {options.only!r}")
    if options.action == "check":
        return check(paths)
    values = {"PRESET": options.preset} if options.preset else {}
    return run(paths, values, in_place=options.action == "outputs")


if __name__ == "__main__":
    sys.exit(bool(main()))
