"""The operators and networks under the names, and with the defaults, of the book's notebooks."""

import paddle

from .layers import convolution as _convolution
from .layers.convolution import conv2d, conv2d_backward, conv2d_loops
from .layers.pooling import Pool2D, pool2d, pool2d_loops
from .networks.lenet import Model_LeNet, Paddle_LeNet
from .networks.operators import counted
from .networks.resnet import (
    Model_ResNet18,
    ResBlock,
    make_first_module,
    make_modules,
    resnet_module,
)

__all__ = [
    "Conv2D",
    "Model_LeNet",
    "Model_ResNet18",
    "Paddle_LeNet",
    "Pool2D",
    "ResBlock",
    "conv2d",
    "conv2d_backward",
    "conv2d_loops",
    "make_first_module",
    "make_modules",
    "pool2d",
    "pool2d_loops",
    "resnet_module",
]


def _constant(value):
    return paddle.ParamAttr(initializer=paddle.nn.initializer.Constant(value))


class Conv2D(_convolution.Conv2D):
    """`nndl.Conv2D` as section 5.2.1 of the book has it: kernels of ones and a bias of zeros.

    Other starts are asked for: `weight_attr=paddle.ParamAttr()` draws the weights at random, as
    `nndl.Conv2D` does without being asked. The bias is [P], as in `paddle.nn.Conv2D`.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 weight_attr=None, bias_attr=None, **options):  # fmt: skip
        weight_attr = _constant(1.0) if weight_attr is None else weight_attr
        bias_attr = _constant(0.0) if bias_attr is None else bias_attr
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding,
            weight_attr=weight_attr, bias_attr=bias_attr, **options,
        )  # fmt: skip


counted(Conv2D, paddle.hapi.dynamic_flops.register_hooks[_convolution.Conv2D])

#: names of the book's `nndl.op` that belong to other chapters
_ELSEWHERE = {
    "Op Linear": "2, 3 and 4",
    "Polynomial optimizer_lsm": "2",
    "model_LR model_SR softmax logistic BinaryCrossEntropyLoss MultiCrossEntropyLoss": "3 and 4",
    "Logistic ReLU MLP_3L Model_MLP_L2 Model_MLP_L5 Optimizer SimpleBatchGD BatchGD": "4 and 7",
    "SRN LSTM BiLSTM Embedding Model_RNN4SeqClass Model_BiLSTM_FC AveragePooling": "6",
    "Adagrad RMSprop Momentum Adam BatchNorm LayerNorm Dropout": "7",
    "AdditiveScore DotProductScore Attention QKVAttention MultiHeadSelfAttention": "8",
}


def __getattr__(name):
    for names, chapters in _ELSEWHERE.items():
        if name in names.split():
            raise ImportError(
                f"{name} belongs to chapter {chapters} of the book, whose own folder nndl/ has it; "
                "this package is chapter 5's. Work on that chapter in its folder, or take "
                "what paddle.nn has"
            )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")
