"""Training, evaluation and prediction that lose nothing."""

from .runner import BEST, CHECKPOINT, RunnerV3

__all__ = [
    "BEST",
    "CHECKPOINT",
    "RunnerV3",
]
