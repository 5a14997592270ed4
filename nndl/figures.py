"""Every figure of the notebooks: `from nndl import figures`, then `figures.<name>(...)`.

Each function takes arrays or objects and returns one Figure, which a notebook shows once.
"""

from .figures_training import (
    compare_runs,
    gradient_norms,
    gradient_norms_of,
    loss_line,
    loss_surface,
    plot,
    plot_training_loss_acc,
    times,
    weight_norms,
)

__all__ = [
    "compare_runs",
    "gradient_norms",
    "gradient_norms_of",
    "loss_line",
    "loss_surface",
    "plot",
    "plot_training_loss_acc",
    "times",
    "weight_norms",
]
