"""What README tells the reader to type is real."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.strip()
    for block in re.findall(r"```(?:bash|sh|shell|console)\n(.*?)```", README, flags=re.S)
    for line in block.splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]


def test_the_two_commands_stand_on_the_first_screen():
    first_screen = "\n".join(README.splitlines()[:40])
    assert "make notebooks" in first_screen
    assert "make test" in first_screen
    assert "pip install -r requirements.txt" in first_screen


@pytest.mark.parametrize(
    "target", sorted({m for line in COMMANDS for m in re.findall(r"\bmake ([\w-]+)", line)})
)
def test_every_make_target_exists(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "module", sorted({m for line in COMMANDS for m in re.findall(r"python -m (\S+)", line)})
)
def test_every_python_module_exists(module):
    if module not in ("pip", "paddle.distributed.launch"):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_links_to_files_lead_somewhere():
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_continuous_integration_runs_the_users_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^make test$", script, flags=re.M)
