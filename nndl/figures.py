"""Every figure of the notebooks: `from nndl import figures`, then `figures.<name>(...)`.

Each function takes arrays or objects and returns one Figure, which a notebook shows once.
"""

from .animation import (
    animate_conv2d,
    interactive_conv2d,
)
from .drawing import draw_digit
from .figures_connections import (
    channels,
    connections,
    connections_2d,
)
from .figures_convolution import (
    convolution_kinds,
    flip,
    geometry,
    matrix,
    worked_example,
)
from .figures_data import (
    as_pictures,
    class_histogram,
    image_grid,
    steps,
)
from .figures_networks import (
    gradient_norms,
    gradient_norms_of,
    loss_along_line,
    loss_line,
    loss_slice,
    loss_surface,
)
from .figures_responses import (
    edges,
    pooling,
    response_histogram,
    signals,
)
from .figures_results import (
    class_accuracy,
    confusion_matrix,
    feature_maps,
    find_layer,
    kernels,
    layer_output,
    prediction,
    softmax,
    worst_mistakes,
)
from .figures_speed import (
    scaling,
    times,
)
from .figures_training import (
    compare_runs,
    learning_rates,
    plot,
    plot_training_loss_acc,
    weight_norms,
)
from .gradcam import (
    grad_cam,
    grad_cam_overlay,
    prediction_titles,
)
from .own_image import (
    preprocess_digit,
    preprocess_photo,
)
from .receptive_field import (
    field_size,
    layers_of,
    measured_receptive_field,
    receptive_field,
    receptive_field_layers,
    receptive_field_map,
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
    "draw_digit",
    "edges",
    "feature_maps",
    "field_size",
    "find_layer",
    "flip",
    "geometry",
    "grad_cam",
    "grad_cam_overlay",
    "gradient_norms",
    "gradient_norms_of",
    "image_grid",
    "interactive_conv2d",
    "kernels",
    "layer_output",
    "layers_of",
    "learning_rates",
    "loss_along_line",
    "loss_line",
    "loss_slice",
    "loss_surface",
    "matrix",
    "measured_receptive_field",
    "plot",
    "plot_training_loss_acc",
    "pooling",
    "prediction",
    "prediction_titles",
    "preprocess_digit",
    "preprocess_photo",
    "receptive_field",
    "receptive_field_layers",
    "receptive_field_map",
    "response_histogram",
    "scaling",
    "signals",
    "softmax",
    "steps",
    "times",
    "weight_norms",
    "worked_example",
    "worst_mistakes",
]
