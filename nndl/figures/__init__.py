"""Every figure of the notebooks: `from nndl import figures`, then `figures.<name>(...)`.

Each function takes arrays or objects and returns one Figure, which a notebook shows once.
"""

from ..probe import layer_output
from .animation import animate_conv2d, interactive_conv2d
from .canvas import draw_digit
from .connections import channels, connections, connections_2d
from .convolution import convolution_kinds, flip, geometry, im2col, matrix, worked_example
from .data import as_pictures, class_histogram, image_grid, steps
from .landscape import gradient_norms
from .live_figures import live
from .receptive_field import receptive_field_layers, receptive_field_map
from .responses import edges, maps_side_by_side, pooling, response_histogram, signals
from .results import (
    class_accuracy,
    confusion_matrix,
    grad_cam_overlay,
    prediction,
    prediction_titles,
    worst_mistakes,
)
from .speed import times, work_and_time
from .training import (
    compare_runs,
    curves,
    effects,
    plot,
    plot_training_loss_acc,
)

__all__ = [
    "animate_conv2d",
    "as_pictures",
    "channels",
    "class_accuracy",
    "class_histogram",
    "compare_runs",
    "confusion_matrix",
    "connections",
    "connections_2d",
    "convolution_kinds",
    "curves",
    "draw_digit",
    "edges",
    "effects",
    "flip",
    "geometry",
    "grad_cam_overlay",
    "gradient_norms",
    "im2col",
    "image_grid",
    "interactive_conv2d",
    "layer_output",
    "live",
    "maps_side_by_side",
    "matrix",
    "plot",
    "plot_training_loss_acc",
    "pooling",
    "prediction",
    "prediction_titles",
    "receptive_field_layers",
    "receptive_field_map",
    "response_histogram",
    "signals",
    "steps",
    "times",
    "work_and_time",
    "worked_example",
    "worst_mistakes",
]
