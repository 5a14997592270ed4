"""The walks through CONTRIBUTING.md work, one after the other, as a newcomer would type them."""

import re
from pathlib import Path

from nndl.check import registry
from nndl.experiments import EXPERIMENTS, recipes

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_walk_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_exercises", dict(registry._load()))
    for name in ("DATASETS", "NETWORKS"):
        monkeypatch.setattr(recipes, name, dict(getattr(recipes, name)))
    monkeypatch.setitem(EXPERIMENTS, ("small-stripes", "quick"), None)  # removed afterwards
    walks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)
    assert len(walks) == 5
    names = {}
    for walk in walks:
        exec(compile(walk, "CONTRIBUTING.md", "exec"), names)


def test_the_files_it_names_exist():
    named = re.findall(r"`((?:nndl|scripts|docs|tests|benchmarks)/[\w./]*)`", TEXT)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
