"""Training recipes, the records of their runs, and tables of many runs."""

from .recipes import (
    EXPERIMENTS,
    PRESETS,
    TASKS,
    Experiment,
    augmentation,
    build_dataset,
    build_loaders,
    build_model,
    build_optimizer,
    experiment,
)

__all__ = [
    "EXPERIMENTS",
    "PRESETS",
    "TASKS",
    "Experiment",
    "augmentation",
    "build_dataset",
    "build_loaders",
    "build_model",
    "build_optimizer",
    "experiment",
]
