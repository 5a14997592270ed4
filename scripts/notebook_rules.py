"""The house rules of a notebook, as functions from a notebook to a list of problems."""

import hashlib
import re

MAX_LINES = 25
MAX_BYTES = 6_000_000
_DEBRIS = {
    r"Warning\b": "a warning",
    r"\x1b\[": "terminal control codes",
    r"\r": "a carriage return left by a progress bar",
    r"\bI\d{4} \d\d:\d\d": "a Paddle log line",
    r" at 0x[0-9a-f]{6,}": "the address of an object",
    r"/(home|root|Users|tmp|work)/": "an absolute path",
    r"\d+%\|": "a progress bar",
}


def source_hash(cell):
    return hashlib.sha256(cell.source.encode()).hexdigest()[:12]


def stamp(notebook):
    """Record which source each output was made from."""
    hashes = {cell.id: source_hash(cell) for cell in notebook.cells if cell.cell_type == "code"}
    notebook.metadata["nndl"] = {"executed_sources": hashes}


def stale_cells(notebook):
    """Code cells whose source changed since their outputs were made."""
    made_from = notebook.metadata.get("nndl", {}).get("executed_sources", {})
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell.id for cell in cells if made_from.get(cell.id) != source_hash(cell)]


def output_text(output):
    """Everything of one output that a reader would see as words."""
    data = output.get("data", {})
    return "".join([output.get("text", ""), data.get("text/plain", "")])


def output_problems(notebook):
    """Errors, warnings and debris in the outputs."""
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        for output in cell.outputs:
            where = f"code cell {number}"
            if output.output_type == "error":
                found.append(f"{where} ends in {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"{where} writes to stderr: {output.text[:200]!r}")
            for pattern, name in _DEBRIS.items():
                if hit := re.search(pattern, output_text(output)):
                    context = output_text(output)[max(0, hit.start() - 40) : hit.end() + 40]
                    found.append(f"{where} shows {name}: {context!r}")
            data = output.get("data", {})
            widget = "application/vnd.jupyter.widget-view+json" in data
            if widget and not {"text/html", "image/png"} & set(data):
                found.append(f"{where} leaves a widget without a static fallback")
    return found


def rule_problems(notebook):
    """The rules of form, then those of the outputs."""
    found = []
    cells = [cell for cell in notebook.cells if cell.source.strip()]
    code = [cell for cell in cells if cell.cell_type == "code"]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("outputs are not those of one clean Run All")
    if sum("parameters" in cell.metadata.get("tags", []) for cell in cells) != 1:
        found.append("not exactly one cell is tagged 'parameters'")
    if not any("result" in cell.metadata.get("tags", []) for cell in code):
        found.append("no cell is tagged 'result'")
    for number, cell in enumerate(code, 1):
        lines = len(cell.source.strip().splitlines())
        if lines > MAX_LINES:
            found.append(f"code cell {number} has {lines} lines, at most {MAX_LINES}")
    headings = [
        line
        for cell in cells
        if cell.cell_type == "markdown"
        for line in re.sub(r"```.*?```", "", cell.source, flags=re.S).splitlines()
        if re.match(r"#{1,6} ", line)
    ]
    found += [f"heading {h!r} has no English subtitle" for h in headings if " · " not in h]
    runs = ["code" if c.cell_type == "code" else "text" for c in cells]
    for index in range(len(runs) - 2):
        if runs[index : index + 3] == ["code"] * 3:
            found.append(f"three code cells in a row at cell {index + 1}: prose before each")
    found += [f"cell {name} changed since its outputs were made" for name in stale_cells(notebook)]
    if len(str(notebook)) > MAX_BYTES:
        found.append(f"more than {MAX_BYTES:,} bytes")
    return found + output_problems(notebook)
