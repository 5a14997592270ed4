"""Shared by all tests: the scripts folder is importable, figures need no screen."""

import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import nndl  # noqa: E402, F401  the runtime is prepared before any test imports Paddle
