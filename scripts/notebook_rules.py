"""The house rules of a notebook, as functions from a notebook to a list of problems."""

import hashlib
import re

#: lines of a code cell, of a class, and cells of a chapter without its exercises
MAX_LINES, MAX_CLASS, MAX_CELLS = 15, 25, 105
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


_CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
_BROKEN = re.compile(rf"{_CHINESE}\n(?=[^\n#>|*\-$`<0-9 ])")


def chapter(notebook):
    """The cells that are not generated from the bank of exercises."""
    return [cell for cell in notebook.cells if "exercise" not in cell.metadata.get("tags", [])]


def prose_problems(notebook):
    """Paragraphs broken over source lines (JupyterLab shows a gap), and figures without a word."""
    cells, found = chapter(notebook), []
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "markdown":
            text = re.sub(r"```.*?```", "", cell.source, flags=re.S)
            found += [f"cell {number} breaks a paragraph" for _ in _BROKEN.findall(text)]
        elif any("image/png" in output.get("data", {}) for output in cell.outputs):
            after = next((c.source for c in cells[number:] if c.cell_type == "markdown"), "")
            if not re.search(r"看一看|解释|注意", after):
                found.append(f"the figure of cell {number} has no 看一看 after it")
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
        most = MAX_CLASS if cell.source.lstrip().startswith("class ") else MAX_LINES
        if lines > most:
            found.append(f"code cell {number} has {lines} lines, at most {most}")
    if len(chapter(notebook)) > MAX_CELLS:
        found.append(f"{len(chapter(notebook))} cells, at most {MAX_CELLS}")
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
    return found + prose_problems(notebook) + output_problems(notebook)
