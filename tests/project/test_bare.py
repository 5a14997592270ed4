"""The project where nothing of it is installed, and installed where nothing of it lies.

    make test-bare

Makes two environments below build/bare/ (needs a package index), and keeps them for the next run.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from notebook_rules import output_problems
from versions import interpreter

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bare"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
#: what a rented kernel has: Paddle, NumPy, matplotlib, Pillow
KERNEL = ("paddlepaddle", "numpy", "matplotlib", "pillow")

pytestmark = [pytest.mark.bare, pytest.mark.slow]


def run(*command, cwd=ROOT, **environment):
    """Run a command as a user with another home would; fail with what it wrote."""
    ours = ("PYTHON", "MPL", "NNDL", "MKL", "KMP", "OMP")  # what the tests or nndl chose here
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    home = BUILD / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {**kept, "HOME": str(home), "JUPYTER_PREFER_ENV_PATH": "1", **environment}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def environment(name, python=sys.executable):
    """A virtual environment below build/bare/; the folder of its programs."""
    folder = BUILD / name
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    if not (programs / "python").exists():
        run(python, "-m", "venv", folder)
    return programs


@pytest.fixture(scope="module")
def bare():
    """Programs of an environment with the kernel's packages alone, in the project's ranges."""
    programs = environment("kernel")
    ranges = [re.search(rf'"({name}[<>=][^"]*)"', PYPROJECT).group(1) for name in KERNEL]
    run(programs / "python", "-m", "pip", "install", "--quiet", *ranges, "ipykernel", "nbclient")
    return programs


@pytest.fixture(scope="module")
def checkout():
    """A copy of what the repository holds, in which data/ may not be written."""
    folder = BUILD / "checkout"
    shutil.rmtree(folder, ignore_errors=True)
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in names.strip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    data = [folder / "data", *(folder / "data").rglob("*")]
    for path in data:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = contents(folder / "data")
    yield folder
    assert contents(folder / "data") == before, "somebody wrote into data/"
    for path in data:
        path.chmod(0o755 if path.is_dir() else 0o644)


def contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_kernel_has_nothing_of_the_project_and_no_comfort(bare):
    absent = ("nndl", "ipywidgets", "tqdm", "jupyterlab", "pooch")
    code = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert run(bare / "python", "-c", code, *absent, cwd=BUILD).strip() == "[]"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_in_a_bare_checkout(bare, checkout, path):
    execute = (bare / "jupyter-execute", "--inplace", "--timeout=900", path.name)
    run(*execute, cwd=checkout / "notebooks")
    notebook = nbformat.read(checkout / "notebooks" / path.name, as_version=4)
    assert output_problems(notebook) == []
    figures = [o for c in notebook.cells for o in c.get("outputs", []) if "data" in o]
    assert sum("image/png" in output["data"] for output in figures) >= 5


def test_a_notebook_runs_on_a_rented_machine(checkout, tmp_path):
    """Python 3.10 and Paddle 2.6 where they are, a home without writing, no net, Paddle first."""
    python = interpreter(["3.10"]) or sys.executable
    programs = environment("rented", python)
    packages = (
        "paddlepaddle==2.6.2; python_version < '3.12'",
        "paddlepaddle>=3.0,<3.1; python_version >= '3.12'",
        "numpy<2", "matplotlib", "pillow", "ipykernel", "nbclient",
    )  # fmt: skip
    run(programs / "python", "-m", "pip", "install", "--quiet", *packages)
    notebook = nbformat.read(checkout / "notebooks" / NOTEBOOKS[0].name, as_version=4)
    habit = "import paddle\nX = paddle.randn([64, 64])\nprint((X @ X).shape)"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(habit))
    path = checkout / "notebooks" / "rented.ipynb"
    nbformat.write(notebook, path)
    (tmp_path / "file").touch()  # below a file nobody can write, not even root
    closed = "http://127.0.0.1:9"
    run(
        programs / "jupyter-execute", "--inplace", "--timeout=900", path.name,
        cwd=path.parent, HOME=str(tmp_path / "file" / "home"), http_proxy=closed,
        https_proxy=closed, JUPYTER_RUNTIME_DIR=str(tmp_path / "runtime"),
    )  # fmt: skip
    executed = nbformat.read(path, as_version=4)
    assert "[64, 64]" in executed.cells[0].outputs[0].text
    assert output_problems(executed) == []
    figures = [o for c in executed.cells for o in c.get("outputs", []) if "data" in o]
    assert sum("image/png" in output["data"] for output in figures) >= 5


@pytest.fixture(scope="module")
def wheel():
    folder = BUILD / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT)
    (path,) = folder.glob("nndl-*.whl")
    return path


def test_the_wheel_carries_the_data_and_nothing_that_lies_around(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    data = [p for p in (ROOT / "data").rglob("*") if p.is_file()]
    assert {f"nndl/data/{p.relative_to(ROOT / 'data').as_posix()}" for p in data} <= names
    assert sum(size for name, size in sizes.items() if name.startswith("nndl/data/")) > 20e6
    assert {name.split("/")[0] for name in names} == {
        "nndl",
        f"nndl-{wheel.name.split('-')[1]}.dist-info",
    }
    assert not [name for name in names if "__pycache__" in name or "/runs/" in name]


def test_an_installed_package_finds_its_data_from_anywhere(wheel, tmp_path):
    python = environment("installed") / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", wheel)
    code = (
        "import nndl, pathlib\n"
        "from nndl.dataset import load_cifar10\n"
        "digits = nndl.MNISTDataset('test')\n"
        "X, y = load_cifar10('test')\n"
        "print(len(digits), X.shape, pathlib.Path(nndl.__file__).parent)"
    )
    out = run(python, "-c", code, cwd=tmp_path)
    assert "(1000, 3, 32, 32)" in out
    assert str(BUILD / "installed") in out
    assert str(ROOT / "nndl") not in out
