"""Write the section 「动手练习」 of the notebooks from the bank of exercises.

    python scripts/exercises.py write     replace the cells
    python scripts/exercises.py check     exit 1 if a notebook differs from the bank

Cells tagged `exercise` are the section; they stand together, under one heading. The setup cell of
a notebook may name more than the bank's: what follows the bank's lines is kept.
"""

import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nndl import check  # noqa: E402


def section(notebook, chapter):
    """(first, last + 1) of the tagged cells of a notebook, and the cells that should be there."""
    places = [k for k, c in enumerate(notebook.cells) if "exercise" in c.metadata.get("tags", [])]
    if not places or places != list(range(places[0], places[-1] + 1)):
        raise SystemExit(f"{chapter}: cells tagged 'exercise' must stand together, got {places}")
    wanted = [nbformat.from_dict(cell) for cell in check.notebook_cells(chapter)]
    old = {cell["id"]: cell for cell in notebook.cells[places[0] : places[-1] + 1]}
    for cell in wanted:
        before = old.get(cell["id"])
        if before is None or before.cell_type != cell.cell_type:
            continue
        if "setup" in cell.metadata.tags and before.source.startswith(cell.source):
            cell.source = before.source
        if cell.cell_type == "code" and before.source == cell.source:
            cell.outputs, cell.execution_count = before.outputs, before.execution_count
    return places[0], places[-1] + 1, wanted


def main(action):
    stale = []
    for path in sorted((ROOT / "notebooks").glob("5.*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        first, end, wanted = section(notebook, path.stem.partition("_")[0])
        found = [(c["id"], c.source) for c in notebook.cells[first:end]]
        if found != [(c["id"], c.source) for c in wanted]:
            stale.append(path.name)
            if action == "write":
                notebook.cells[first:end] = wanted
                nbformat.write(notebook, path)
    print(f"{'written' if action == 'write' else 'differ'}: {', '.join(stale) or 'none'}")
    return 1 if stale and action == "check" else 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
