"""Every figure of the notebooks: `from nndl import figures`, then `figures.<name>(...)`.

Each function takes arrays or objects and returns one Figure, which a notebook shows once.
"""

from .animation import (
    animate_conv2d,
    interactive_conv2d,
)
from .figures_convolution import (
    channels,
    connections,
    connections_2d,
    convolution_kinds,
    edges,
    flip,
    geometry,
    matrix,
    pooling,
    response_histogram,
    worked_example,
)
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
    "animate_conv2d",
    "channels",
    "compare_runs",
    "connections",
    "connections_2d",
    "convolution_kinds",
    "edges",
    "flip",
    "geometry",
    "gradient_norms",
    "gradient_norms_of",
    "interactive_conv2d",
    "loss_line",
    "loss_surface",
    "matrix",
    "plot",
    "plot_training_loss_acc",
    "pooling",
    "response_histogram",
    "times",
    "weight_norms",
    "worked_example",
]
