"""The rules that a notebook must keep, tried on bad notebooks; then the five themselves."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_rules import output_problems, rule_problems, stamp

from notebooks import SOURCES, clean, execute, key_result, set_parameters

HEADINGS = json.loads((Path(__file__).parents[1] / "headings.json").read_text(encoding="utf-8"))
NOTEBOOKS = sorted(SOURCES.glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def good_notebook():
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# 卷积 · Convolution"),
            new_code_cell("SEED = 0", metadata={"tags": ["parameters"]}, execution_count=1),
            new_markdown_cell("结果"),
            new_code_cell(
                "print(1)",
                metadata={"tags": ["result"]},
                execution_count=2,
                outputs=[new_output("stream", text="1\n")],
            ),
        ]
    )
    stamp(notebook)
    return notebook


def test_a_good_notebook_has_no_problems():
    assert rule_problems(good_notebook()) == []


def test_cells_run_out_of_order_are_found():
    notebook = good_notebook()
    notebook.cells[1].execution_count, notebook.cells[3].execution_count = 2, 1
    assert any("Run All" in problem for problem in rule_problems(notebook))


def test_a_source_changed_after_its_output_is_found():
    notebook = good_notebook()
    notebook.cells[3].source = "print(2)"
    assert any("changed since" in problem for problem in rule_problems(notebook))


def test_a_long_cell_is_found():
    notebook = good_notebook()
    notebook.cells[3].source = "\n".join(["x = 1"] * 16)
    stamp(notebook)
    assert rule_problems(notebook) == ["code cell 2 has 16 lines, at most 15"]
    notebook.cells[3].source = "\n".join(["class A:"] + ["    x = 1"] * 24)
    stamp(notebook)
    assert rule_problems(notebook) == []


def test_a_paragraph_over_two_lines_is_found():
    notebook = good_notebook()
    notebook.cells[2].source = "卷积是\n线性的。\n\n- 一\n- 二\n\n$$y$$\n\n```\n代码\n代码\n```"
    assert rule_problems(notebook) == ["cell 3 breaks a paragraph"]


def test_a_figure_without_a_word_after_it_is_found():
    notebook = good_notebook()
    notebook.cells[1].outputs = [new_output("display_data", {"image/png": ""})]
    assert rule_problems(notebook) == ["the figure of cell 2 has no 看一看 after it"]
    notebook.cells[2].source = "**看一看**：线在上升。"
    assert rule_problems(notebook) == []


def test_a_long_notebook_is_found():
    notebook = good_notebook()
    notebook.cells += [new_markdown_cell("再来") for _ in range(102)]
    assert rule_problems(notebook) == ["106 cells, at most 105"]


def test_a_committed_widget_leaves_its_picture():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    notebook = good_notebook()
    outputs = [new_output("display_data", {**view, "image/png": "", "text/plain": "sliders"})]
    outputs.append(new_output("display_data", dict(view)))
    notebook.cells[1].outputs = outputs
    kept, bare = clean(notebook).cells[1].outputs
    assert set(kept.data) == {"image/png", "text/plain"}
    assert any("static fallback" in problem for problem in output_problems(notebook)), bare


def test_a_heading_without_subtitle_is_found():
    notebook = good_notebook()
    notebook.cells[0].source = "# 卷积"
    assert any("subtitle" in problem for problem in rule_problems(notebook))


def test_code_without_prose_is_found():
    notebook = good_notebook()
    notebook.cells += [new_code_cell("x = 1", execution_count=n) for n in (3, 4)]
    stamp(notebook)
    assert any("prose" in problem for problem in rule_problems(notebook))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (new_output("error", ename="ValueError", evalue="no", traceback=[]), "ValueError"),
        (new_output("stream", name="stderr", text="oh"), "stderr"),
        (new_output("stream", text="UserWarning: deprecated"), "a warning"),
        (new_output("stream", text="I1124 17:00:01.0 1 program.cc"), "log line"),
        (new_output("stream", text=" 50%|█████     | 1/2"), "progress bar"),
        (new_output("stream", text="saved /home/me/x"), "absolute path"),
        (
            new_output("execute_result", data={"text/plain": "<object at 0x7f0011223344>"}),
            "address",
        ),
        (
            new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}}),
            "static fallback",
        ),
    ],
)
def test_debris_in_an_output_is_found(output, words):
    notebook = good_notebook()
    notebook.cells[3].outputs = [output]
    assert any(words in problem for problem in output_problems(notebook))


def test_parameters_are_replaced_in_their_cell_only():
    notebook = good_notebook()
    notebook.cells[3].source = "SEED = 1"
    set_parameters(notebook, {"SEED": 7})
    assert [notebook.cells[1].source, notebook.cells[3].source] == ["SEED = 7", "SEED = 1"]


def test_an_unknown_parameter_is_refused():
    with pytest.raises(SystemExit, match="no line 'EPOCHS"):
        set_parameters(good_notebook(), {"EPOCHS": 7})


def test_all_five_are_there():
    assert [path.name for path in NOTEBOOKS] == sorted(HEADINGS)


@each
def test_committed_file_keeps_the_rules(path):
    assert rule_problems(nbformat.read(path, as_version=4)) == []


@each
def test_chapter_headings_are_complete(path):
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    titles = [re.sub(r"[#\s]", "", line) for line in text.splitlines() if line.startswith("#")]
    missing = [
        heading
        for heading in HEADINGS[path.name]
        if not any(re.sub(r"\s", "", heading) in title for title in titles)
    ]
    assert missing == []


@each
def test_parameters_are_readable_by_papermill(path):
    papermill = pytest.importorskip("papermill")
    assert set(papermill.inspect_notebook(str(path))) == {"PRESET", "SEED", "DEVICE"}


TIMED = re.compile(r"\d[\d.,]*\s*(s|ms|µs|img/s|×|x|times|images/s)\b|\d+(\.\d+)?\s*(秒|毫秒|倍)")


def printed(cells):
    """The lines that cells printed, without those that tell how long something took."""
    return [
        line
        for cell in cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
        for line in output.text.splitlines()
        if not TIMED.search(line)
    ]


def assert_good_run(notebook, error):
    """No error, clean outputs; and a page that did nothing would not pass."""
    assert error is None
    assert output_problems(notebook) == []
    assert any(character.isdigit() for character in key_result(notebook))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 5


@pytest.mark.slow
@pytest.mark.notebooks
@each
def test_runs_from_first_to_last_cell(path, tmp_path):
    shutil.copy(path, tmp_path)
    assert_good_run(*execute(tmp_path / path.name, tmp_path))


@pytest.mark.slow
@pytest.mark.twice
@pytest.mark.parametrize("seed", [1, 2])
@each
def test_what_the_text_says_holds_with_another_seed(path, seed, tmp_path):
    """SEED is the first number that a reader changes."""
    notebook = nbformat.read(path, as_version=4)
    parameters = next(cell for cell in notebook.cells if "SEED = 0" in cell.source)
    parameters.source = parameters.source.replace("SEED = 0", f"SEED = {seed}")
    nbformat.write(notebook, tmp_path / path.name)
    assert_good_run(*execute(tmp_path / path.name, tmp_path))


@pytest.mark.slow
@pytest.mark.twice
@each
def test_a_second_run_in_the_same_kernel_prints_the_same(path, tmp_path):
    once = nbformat.read(path, as_version=4)
    twice = nbformat.read(path, as_version=4)
    for cell in once.cells:
        twice.cells.append(nbformat.from_dict({**cell, "id": f"again-{cell.id}"[:64]}))
    nbformat.write(twice, tmp_path / path.name)
    notebook, error = execute(tmp_path / path.name, tmp_path)
    first, again = notebook.cells[: len(once.cells)], notebook.cells[len(once.cells) :]
    assert printed(first) == printed(again)
    notebook.cells = first
    assert_good_run(notebook, error)
