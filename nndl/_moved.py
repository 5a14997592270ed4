"""Modules under the names that they had in version 1.0, for notebooks that still import those."""

import importlib
import importlib.machinery
import sys

#: name in version 1.0 -> where its public names are now
MOVED = {
    "animation": "figures.animation", "architecture": "figures.architecture",
    "callbacks": "runner.callbacks", "checkpoint": "runner.saving.checkpoint",
    "convolution": "layers.convolution", "distributed": "runner.distributed",
    "drawing": "figures.canvas", "fileformat": "dataset.files.formats",
    "gradcam": "analysis.gradcam", "loader": "dataset.loader", "model": "networks",
    "normalization": "layers.normalization", "own_image": "dataset.own_image",
    "pooling": "layers.pooling", "progress": "display.progress",
    "receptive_field": "analysis.receptive_field", "report": "analysis.report",
    "run_report": "experiments.compare", "runs": "experiments.records", "source": "display.source",
    "style": "figures.style", "training": "runner.loop", "transforms": "dataset.transforms",
}  # fmt: skip


class Finder:
    """An entry of `sys.meta_path` that hands out the module of today."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        package, _, module = name.rpartition(".")
        found = package == __package__ and module in MOVED
        return importlib.machinery.ModuleSpec(name, Finder) if found else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__name__
        sys.modules[name] = importlib.import_module(f".{MOVED[name[5:]]}", __package__)
