"""One notation for docstrings, comments, messages, exercises and prose: the table of 5.1.

A program can read shapes: what stands in square brackets, `[B, D, M, N]`. It holds them to the
letters of the table, and knows the letters that used to stand for two things.
"""

import io
import re
import tokenize
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [p for folder in ("nndl", "scripts", "benchmarks") for p in (ROOT / folder).rglob("*.py")]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: not after a name or a parenthesis: there it is Python, not a shape
SHAPE = re.compile(r"(?<![\w\])(])\[([^\[\]\n]{1,60})\]")
WORDS = {"捷径": "直连边"}


def shape_problem(text):
    """What is wrong with the inside of a pair of brackets, or None."""
    entries = [entry.strip() for entry in text.split(",")]
    if not any(re.fullmatch(r"[A-Z]['′]*", entry) for entry in entries):
        return None
    if entries[0] == "N":
        return "a batch is B"
    if {"H", "W"} <= set(entries):
        return "a map is M×N"
    if "C" in entries:
        return "channels are D and P, classes K"
    if re.search(r"\bM, N['′]", text):
        return "the width of an input is N"
    if re.search(r"M', N′|M′, N'", text):
        return "one prime, not two"
    return None


def problems(text):
    found = [f"[{m[1]}]: {why}" for m in SHAPE.finditer(text) if (why := shape_problem(m[1]))]
    return found + [f"{old}: say {new}" for old, new in WORDS.items() if old in text]


def python_texts(source):
    kinds = tokenize.STRING, tokenize.COMMENT
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type in kinds]


def glossary():
    """Letter → meaning, as the table in 5.1 prints them."""
    cells = nbformat.read(ROOT / "notebooks" / "5.1_convolution.ipynb", as_version=4).cells
    table = next(c.source.partition("### 记号")[2] for c in cells if "### 记号" in c.source)
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    pairs = [(row[k].strip(), row[k + 1].strip()) for row in rows for k in range(0, len(row), 2)]
    return dict(pairs)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("X : Tensor [N, D, M, N]", "a batch is B"),
        ("labels [N]", "a batch is B"),
        ("images [B, C, H, W]", "a map is M×N"),
        ("logits [B, C]", "classes K"),
        ("image [M, N']", "width of an input"),
        ("maps [M′, N']", "one prime"),
        ("没有加上捷径", "直连边"),
    ],
)
def test_the_old_letters_are_found(text, why):
    assert why in problems(text)[0]


@pytest.mark.parametrize(
    "text",
    ["[B, D, M, N] → [B, P, M′, N′]", "[N²]", "[0, 1]", "x[N]", "zeros([N, D])", "[B, K] or [B]"],
)
def test_right_shapes_and_code_pass(text):
    assert problems(text) == []


def test_the_table_names_every_letter_once():
    letters = glossary()
    sizes = "$M\\times N$", "$M'\\times N'$", "$U\\times V$"
    for letter in ("$B$", "$D$", "$P$", "$S$", "填充 $P$", *sizes):
        assert letter in letters
    assert len(set(letters.values())) == len(letters)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_comments_and_messages_keep_to_it(path):
    texts = python_texts(path.read_text(encoding="utf-8"))
    assert [problem for text in texts for problem in problems(text)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_prose_and_exercises_keep_to_it(path):
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        prose = cell.cell_type == "markdown"
        lines = cell.source.splitlines()
        texts = lines if prose else [line.partition("#")[2] for line in lines]
        found += [problem for text in texts for problem in problems(text)]
    assert found == []
