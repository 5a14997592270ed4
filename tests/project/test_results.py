"""Every number on the page of results is what the stored runs give."""

import json
import subprocess
import sys

from nndl.experiments import records
from tests.conftest import ROOT

FOLDERS = sorted(p.parent for p in (ROOT / "results").glob(f"*/{records.SUMMARY}"))


def test_the_page_is_what_the_runs_give():
    command = [sys.executable, "scripts/claims.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_changed_number_is_noticed(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import claims

    page = tmp_path / "README.md"
    page.write_text(claims.PAGE.read_text("utf-8").replace(" ± ", " ± 1"), "utf-8")
    monkeypatch.setattr(claims, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["claims.py", "--check"])
    assert claims.main() == 1
    assert "claims.py" in capsys.readouterr().out


def test_runs_that_are_kept_are_finished():
    assert FOLDERS
    for folder in FOLDERS:
        assert json.loads((folder / records.SUMMARY).read_text())["state"] == "finished"
