"""One answer to whether this is a notebook, wherever the package runs."""

import subprocess
import sys

import numpy as np
import paddle
import pytest
from PIL import Image

from nndl._arguments import as_array
from nndl.display.once import in_notebook
from tests.conftest import ROOT

ASK = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from nndl.display.once import in_notebook; from nndl.display import progress
from nndl.figures import style, canvas, animation
homes = {{m.in_notebook for m in (progress, style, canvas, animation)}}
print('answer', in_notebook(), homes == {{in_notebook}})
"""


def test_python_is_none():
    assert in_notebook() is False
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True)
    assert "answer False True" in done.stdout, done.stderr


@pytest.mark.parametrize("lines", [ASK, ASK.replace("print(", "answer = (").rstrip()])
def test_a_terminals_ipython_is_none(tmp_path, lines):
    pytest.importorskip("IPython")
    if "print" not in lines:  # asked under %%capture, said after it
        body = lines.strip().replace("\n", "\n    ")
        lines = (
            "from IPython.utils.capture import capture_output\n"
            f"with capture_output():\n    {body}\nprint(*answer)\n"
        )
    (tmp_path / "ask.ipy").write_text(lines)
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "ask.ipy"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert "answer False True" in done.stdout, done.stdout + done.stderr


def test_a_kernel_is_one_as_for_jupyterlab_vs_code_and_papermill():
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    cells = [nbformat.v4.new_code_cell(ASK), nbformat.v4.new_code_cell("%%capture out\n" + ASK),
             nbformat.v4.new_code_cell("print(out.stdout)")]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell in (cells[0], cells[2]):
        assert "answer True True" in cell.outputs[0].text


def test_arrays_of_anything():
    values = [[1.0, 2.5], [3.0, -4.0]]
    layer = paddle.nn.Linear(2, 2)
    tensors = [paddle.to_tensor(values, dtype) for dtype in ("float64", "bfloat16", "float16")]
    for given in (values, np.array(values), *tensors):
        np.testing.assert_array_equal(as_array(given), values)
    assert as_array(layer.weight).shape == (2, 2)  # a parameter with a gradient
    assert as_array(Image.new("RGB", (3, 2))).shape == (2, 3, 3)
    assert as_array(5).shape == ()
