"""What a model is and does, computed: sizes, receptive fields, Grad-CAM, gradients by layer."""

from ..probe import find_layer, layer_output
from .gradcam import grad_cam, softmax
from .landscape import gradient_norms_of
from .receptive_field import field_size, layers_of, measured_receptive_field, receptive_field
from .report import compare, flops, summary

__all__ = [
    "compare",
    "field_size",
    "find_layer",
    "flops",
    "grad_cam",
    "gradient_norms_of",
    "layer_output",
    "layers_of",
    "measured_receptive_field",
    "receptive_field",
    "softmax",
    "summary",
]
