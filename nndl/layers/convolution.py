"""Two-dimensional convolution: the formula as loops, as a matrix product, its gradients, the layer.

From top to bottom: `conv2d_loops` is the formula; `conv2d_plain` and `conv2d_plain_backward` are
the same as matrix products; `conv2d` and the layer `Conv2D` stand at the door. Where it pays they
leave the work to a form of `nndl.layers.fast`, which gives the same result sooner; with
`NNDL_FORM=plain` in the environment they never do, and every line that computes stands here.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F

from .._arguments import integer, pair
from .arrays import array, by_hand, empty, like
from .autograd import differentiable, on_tensors, traced
from .fast import convolution as forms
from .fast.threads import one_blas_thread
from .window import check_maps, crop, facts, output_size, pad, windows

__all__ = [
    "Conv2D",
    "conv2d",
    "conv2d_backward",
    "conv2d_loops",
    "conv2d_plain",
    "conv2d_plain_backward",
    "im2col",
    "output_size",
]


class Options(NamedTuple):
    """How the window moves, normalised once: pairs are (height, width)."""

    stride: tuple
    padding: tuple
    dilation: tuple
    groups: int

    @classmethod
    def of(cls, stride, padding, dilation, groups):
        return cls(
            pair("stride", stride, 1),
            pair("padding", padding, 0),
            pair("dilation", dilation, 1),
            integer("groups", groups, 1),
        )


def conv2d_loops(X, W, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution exactly as the formula says it, one multiply-add at a time.

    Y[n, p, i, j] = b[p] + Σ_d Σ_u Σ_v W[p, d, u, v] · X[n, d, i·S + u·E, j·S + v·E]

    with stride S and dilation E, over X with a border of zeros. For reading and for checking:
    a Python loop for every Σ takes about a microsecond for each multiply-add.

    Parameters
    ----------
    X : Tensor or ndarray [B, D, M, N], float32 or float64
        B images of D channels.
    W : Tensor or ndarray [P, D / groups, U, V], same type
        P kernels.
    b : Tensor or ndarray [P], optional
        Bias, one number an output map.
    stride, padding, dilation : int or (int, int)
        Pixels; one number for both axes, or (height, width).
    groups : int
        Input and output channels are cut into so many groups; a group of outputs sees only its
        own group of inputs.

    Returns
    -------
    Tensor or ndarray [B, P, M′, N′]
        Like X; a Tensor is differentiable (through loops as literal as these).

    Raises
    ------
    ValueError, TypeError
        If shapes, types or sizes do not fit together; the message says what was expected.

    References
    ----------
    The book, section 5.2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from nndl.layers import conv2d_loops
    >>> X = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    >>> W = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> conv2d_loops(X, W)[0, 0]
    array([[25., 31.],
           [43., 49.]])
    """
    options = Options.of(stride, padding, dilation, groups)
    _check(X, W, b, options, "conv2d_loops")
    (s, t), padding, (e, f), groups = options
    X = pad(X, padding)
    N, P = len(X), len(W)
    D, U, V = W.shape[1:]  # the channels of one group
    rows = output_size(X.shape[2], U, s, 0, e)
    columns = output_size(X.shape[3], V, t, 0, f)
    Y = np.zeros((N, P, rows, columns), X.dtype)
    for n in range(N):
        for p in range(P):
            first = p // (P // groups) * D  # the first channel that map p sees
            for i in range(rows):
                for j in range(columns):
                    total = 0.0 if b is None else b[p]
                    for d in range(D):
                        for u in range(U):
                            for v in range(V):
                                total += (
                                    W[p, d, u, v] * X[n, first + d, i * s + u * e, j * t + v * f]
                                )
                    Y[n, p, i, j] = total
    return Y


def _loops_backward(dY, X, W, b, stride, padding, dilation, groups):
    """Every multiply-add of the forward pass sends its share of the gradient to both factors."""
    (s, t), padding, (e, f), groups = Options.of(stride, padding, dilation, groups)
    X = pad(X, padding)
    P, D, U, V = W.shape
    dX, dW, db = np.zeros(X.shape, X.dtype), np.zeros(W.shape, W.dtype), np.zeros(P, W.dtype)
    for n, p, i, j in np.ndindex(*dY.shape):
        first = p // (P // groups) * D
        db[p] += dY[n, p, i, j]
        for d, u, v in np.ndindex(D, U, V):
            pixel = n, first + d, i * s + u * e, j * t + v * f
            dX[pixel] += W[p, d, u, v] * dY[n, p, i, j]
            dW[p, d, u, v] += X[pixel] * dY[n, p, i, j]
    return crop(dX, padding), dW, db


conv2d_loops = on_tensors(
    backward=_loops_backward, twice=lambda *args, **kwargs: _twice(*args, **kwargs)
)(conv2d_loops)


def im2col(X, kernel, stride=1, padding=0, dilation=1):
    """Write every window as a column, so that convolution becomes one matrix product.

    Parameters
    ----------
    X : ndarray or Tensor [B, D, M, N], float32 or float64
    kernel : int or (int, int)
        U and V, the height and width of the window.
    stride, padding, dilation : int or (int, int)

    Returns
    -------
    ndarray or Tensor [B, D·U·V, M′·N′]
        Like X. Column i·N′ + j holds what the window at (i, j) sees, in the order of a kernel's
        weights W[p].reshape(-1).

    Examples
    --------
    >>> import numpy as np
    >>> from nndl.layers import im2col
    >>> im2col(np.arange(1.0, 10.0).reshape(1, 1, 3, 3), kernel=2)[0]
    array([[1., 2., 4., 5.],
           [2., 3., 5., 6.],
           [4., 5., 7., 8.],
           [5., 6., 8., 9.]])
    """
    check_maps(facts(X), "im2col")
    kernel, stride = pair("kernel", kernel, 1), pair("stride", stride, 1)
    padding, dilation = pair("padding", padding, 0), pair("dilation", dilation, 1)
    _check_window(X.shape[2:], kernel, (stride, padding, dilation), "im2col")
    return like(_im2col(array(X), kernel, stride, padding, dilation), X)


def _im2col(X, kernel, stride, padding, dilation):
    view = windows(pad(X, padding), kernel, stride, dilation)
    N, D, U, V, rows, columns = view.shape
    return view.reshape(N, D * U * V, rows * columns)  # a window is now a column: this copies


def conv2d_plain(X, W, b, stride, padding, dilation):
    """Convolution as one matrix product, Y = W · columns + b, in as few lines as it takes.

    The forms of `nndl.layers.fast` differ from it in how numbers lie in memory and in how many are
    multiplied, not in the result. Nothing is checked here; `conv2d` has done that.

    Parameters
    ----------
    X : ndarray [B, D, M, N]
    W : ndarray [P, D, U, V]
    b : ndarray [P] or None
    stride, padding, dilation : (int, int)

    Returns
    -------
    Y : ndarray [B, P, M′, N′]
    columns : ndarray [B, D·U·V, M′·N′]
        What `conv2d_plain_backward` wants to see again.

    References
    ----------
    Chellapilla et al., *High performance convolutional neural networks for document processing*,
    2006.
    """
    (N, _, M, _), (P, _, U, V) = X.shape, W.shape
    rows = output_size(M, U, stride[0], padding[0], dilation[0])
    columns = _im2col(X, (U, V), stride, padding, dilation)  # what a window sees, one a column
    kernels = W.reshape(P, -1)  # the weights of a kernel, one a row
    Y = kernels @ columns  # Y = W · columns
    if b is not None:
        Y += b[:, None]
    return Y.reshape(N, P, rows, -1), columns


def conv2d_plain_backward(dY, columns, X, W, stride, padding, dilation):
    """Gradients of `conv2d_plain`: in Y = W · columns + b, each factor gets dY times the other.

    Parameters
    ----------
    dY : ndarray [B, P, M′, N′]
        Gradient of the loss with respect to Y.
    columns : ndarray [B, D·U·V, M′·N′]
    X, W, stride, padding, dilation
        As in `conv2d_plain`.

    Returns
    -------
    dX, dW, db : ndarray, of the shapes of X, of W, and [P]
    """
    (P, _, U, V), (N, K, _) = W.shape, columns.shape
    G, kernels, dW = dY.reshape(N, P, -1), W.reshape(P, K), empty(W.shape, W.dtype)
    db = G.sum(axis=(0, 2))  # db = Σ dY
    of_all_images = G.swapaxes(0, 1).reshape(P, -1), columns.swapaxes(1, 2).reshape(-1, K)
    np.dot(*of_all_images, out=dW.reshape(P, K))  # dW = dY · columnsᵀ
    dcolumns = kernels.T @ G  # dcolumns = Wᵀ · dY
    (M, L), (p, q) = X.shape[2:], padding
    dX = np.zeros((*X.shape[:2], M + 2 * p, L + 2 * q), X.dtype)
    seen = windows(dX, (U, V), stride, dilation)  # [B, D, U, V, M′, N′]
    dcolumns = dcolumns.reshape(seen.shape)
    for u in range(U):
        for v in range(V):  # every entry is added to the pixel that it came from
            seen[:, :, u, v] += dcolumns[:, :, u, v]
    return crop(dX, padding), dW, db


def conv2d(X, W, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution as a matrix product, in the form that suits the shape; see `conv2d_plain`.

    Parameters
    ----------
    X : Tensor [B, D, M, N], float32 or float64
        B images of D channels.
    W : Tensor [P, D / groups, U, V], same type
        P kernels.
    b : Tensor [P], optional
        Bias, one number an output map.
    stride, padding, dilation : int or (int, int)
        Pixels; one number for both axes, or (height, width).
    groups : int
        Input and output channels are cut into so many groups.

    Returns
    -------
    Tensor [B, P, M′, N′]
        Differentiable with respect to X, W and b (`conv2d_backward` is its derivative), and so are
        its gradients. On a GPU and in a traced graph, Paddle's own kernel computes it. A weight
        that meets nothing but padding takes no part: 0, where 0 times a NaN or ∞ would be NaN.

    Raises
    ------
    ValueError, TypeError
        If shapes, types or sizes do not fit together; the message says what was expected.

    References
    ----------
    The book, section 5.2.1; Chellapilla et al., *High performance convolutional neural networks
    for document processing*, 2006.

    Examples
    --------
    >>> import paddle
    >>> from nndl.layers import conv2d
    >>> list(conv2d(paddle.ones([1, 1, 3, 3]), paddle.ones([1, 1, 2, 2])).shape)
    [1, 1, 2, 2]
    """
    options = Options.of(stride, padding, dilation, groups)
    return _convolve(X, W, b, options)


def _convolve(X, W, b, options):
    if traced():
        return F.conv2d(X, W, b, *options)
    if not isinstance(X, paddle.Tensor):
        raise TypeError(
            f"conv2d expects X as a Tensor, got {type(X).__name__}: "
            "convert it with paddle.to_tensor(...)"
        )
    _check(X, W, b, options, "conv2d")
    if not by_hand(X):
        return F.conv2d(X, W, b, *options)
    return differentiable(
        lambda X, W, b: _forward(X, W, b, options),
        lambda dY, memory, needed, X, W, b: _backward(dY, X, W, options, needed, memory),
        *(X, W, b),
        twice=lambda dY, X, W, b: _twice(dY, X, W, b, *options),
    )


def conv2d_backward(dY, X, W, stride=1, padding=0, dilation=1, groups=1):
    """Gradients of the convolution, from Y = W · columns; see `conv2d_plain_backward`.

    dW = Σₙ dY · columnsᵀ; dcolumns = Wᵀ · dY, every entry added to the pixel that it came from;
    db = Σ dY.

    Parameters
    ----------
    dY : Tensor or ndarray [B, P, M′, N′], float32 or float64
        Gradient of the loss with respect to the output.
    X : Tensor or ndarray [B, D, M, N]
    W : Tensor or ndarray [P, D / groups, U, V]
    stride, padding, dilation, groups
        As in the forward pass.

    Returns
    -------
    dX, dW, db : Tensor or ndarray, of the shapes of X, of W, and [P]

    Raises
    ------
    ValueError, TypeError
        If dY is not the gradient of this convolution's output.
    """
    options = Options.of(stride, padding, dilation, groups)
    _check(X, W, None, options, "conv2d_backward")
    check_maps(facts(dY), "conv2d_backward", "dY", "[B, P, M′, N′]")
    X_, W_ = array(X), array(W)
    Y, memory = _forward(X_, W_, None, options)
    if tuple(dY.shape) != Y.shape:
        raise ValueError(
            f"conv2d_backward expects dY of the output's shape {list(Y.shape)}, got "
            f"{list(dY.shape)}: pass the stride, padding and dilation of the forward pass"
        )
    gradients = _backward(array(dY), X_, W_, options, (True, True, True), memory)
    return tuple(like(gradient, X) for gradient in gradients)


def _twice(dY, X, W, b, stride, padding, dilation, groups):
    """The gradients by differentiable operators.

    Σ dY·conv(X, W) is linear in each of dY, X and W, so the derivative of any of its three
    gradients is another of the three.
    """
    options = Options.of(stride, padding, dilation, groups)
    db = None if b is None else dY.sum([0, 2, 3])
    return _input_gradient(dY, W, X.shape, options), _weight_gradient(dY, X, W.shape, options), db


def _input_gradient(dY, W, shape, options):
    def forward(dY, W):
        X = np.zeros(shape, dY.dtype)
        return _backward(dY, X, W, options, (True, False, False))[0], None

    def twice(G, dY, W):
        return conv2d(G, W, None, *options), _weight_gradient(dY, G, W.shape, options)

    return differentiable(forward, None, dY, W, twice=twice)


def _weight_gradient(dY, X, shape, options):
    def forward(dY, X):
        W = np.zeros(shape, dY.dtype)
        return _backward(dY, X, W, options, (False, True, False))[1], None

    def twice(G, dY, X):
        return conv2d(X, G, None, *options), _input_gradient(dY, G, X.shape, options)

    return differentiable(forward, None, dY, X, twice=twice)


class Conv2D(paddle.nn.Layer):
    """Convolution layer made of `conv2d`; its weights move freely to `paddle.nn.Conv2D` and back.

    Parameters
    ----------
    in_channels, out_channels : int
        D and P.
    kernel_size : int or (int, int)
        U and V.
    stride, padding : int or (int, int)
        Pixels.
    weight_attr, bias_attr : paddle.ParamAttr or an initializer, optional
        As in `paddle.nn.Conv2D`: weights from N(0, 2 / (D·U·V)) and biases 0 unless told
        otherwise; `bias_attr=False` leaves the bias out.
    dilation : int or (int, int)
    groups : int

    Attributes
    ----------
    weight : Parameter [P, D / groups, U, V]
    bias : Parameter [P] or None

    Shapes
    ------
    X [B, D, M, N] → [B, P, M′, N′], see `output_size`; the type of the parameters (float32, or
    float64 after `paddle.set_default_dtype('float64')` or `layer.to(dtype='float64')`).

    Raises
    ------
    ValueError, TypeError
        If a size is not a positive integer, or the input does not fit.

    References
    ----------
    The book, section 5.2.1.

    Examples
    --------
    >>> import paddle
    >>> from nndl import Conv2D
    >>> layer = Conv2D(3, 8, kernel_size=5, padding=2)
    >>> list(layer(paddle.ones([1, 3, 32, 32])).shape)
    [1, 8, 32, 32]
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        weight_attr=None,
        bias_attr=None,
        dilation=1,
        groups=1,
    ):
        super().__init__()
        self.in_channels = integer("in_channels", in_channels, 1)
        self.out_channels = integer("out_channels", out_channels, 1)
        self.kernel_size = pair("kernel_size", kernel_size, 1)
        self._options = Options.of(stride, padding, dilation, groups)
        self.stride, self.padding, self.dilation, self.groups = self._options
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2D expects groups that divide in_channels={in_channels} and "
                f"out_channels={out_channels}, got groups={groups}"
            )
        if weight_attr is False:
            raise ValueError("Conv2D has a weight: weight_attr=False is only possible for the bias")
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.weight = self.create_parameter(
            [out_channels, in_channels // groups, *self.kernel_size],
            attr=weight_attr,
            default_initializer=paddle.nn.initializer.Normal(0.0, math.sqrt(2 / fan_in)),
        )
        self.bias = self.create_parameter([out_channels], attr=bias_attr, is_bias=True)

    def forward(self, X):
        return _convolve(X, self.weight, self.bias, self._options)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        defaults = Options((1, 1), (0, 0), (1, 1), 1)
        for name, default in defaults._asdict().items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


def _groups(X, W, groups):
    """(channels, kernels) slices of each group."""
    D, P = X.shape[1] // groups, len(W) // groups
    return [(slice(g * D, g * D + D), slice(g * P, g * P + P)) for g in range(groups)]


def _forward(X, W, b, options):
    """Y, and for every group what the backward pass wants to see again."""
    *options, groups = options
    if groups == 1:
        Y, memory = _forward_group(X, W, b, *options)
        return Y, [memory]
    parts = [
        _forward_group(X[:, d], W[p], None if b is None else b[p], *options)
        for d, p in _groups(X, W, groups)
    ]
    return np.concatenate([Y for Y, _ in parts], axis=1), [memory for _, memory in parts]


def _forward_group(X, W, b, *options):
    plan = forms.choose(X, W, *options)
    if plan.form != "plain":
        return forms.forward(X, W, b, plan)
    with one_blas_thread():
        return conv2d_plain(X, W, b, *options)


def _backward(dY, X, W, options, needed, memory=None):
    """dX, dW, db, None where not needed."""
    memory = _forward(X, W, None, options)[1] if memory is None else memory
    *options, groups = options
    if groups == 1:
        return _backward_group(dY, X, W, options, needed, memory[0])
    parts = [
        _backward_group(dY[:, p], X[:, d], W[p], options, needed, kept)
        for (d, p), kept in zip(_groups(X, W, groups), memory, strict=True)
    ]
    return tuple(
        np.concatenate(gradients, axis=axis) if wanted else None
        for gradients, axis, wanted in zip(zip(*parts, strict=True), (1, 0, 0), needed, strict=True)
    )


def _backward_group(dY, X, W, options, needed, memory):
    if not isinstance(memory, np.ndarray):
        return forms.backward(dY, X, W, needed, memory)
    with one_blas_thread():
        return conv2d_plain_backward(dY, memory, X, W, *options)


def _check(X, W, b, options, owner):
    """Refuse arguments that do not fit together."""
    _check_facts(facts(X), facts(W), None if b is None else facts(b), options, owner)


@functools.lru_cache(maxsize=512)  # only what fits is remembered: an error is raised every time
def _check_facts(X, W, b, options, owner):
    check_maps(X, owner)
    check_maps(W, owner, "W", "[P, D / groups, U, V] (kernels, channels, height, width)")
    *options, groups = options
    D, (P, channels) = X.shape[1], W.shape[:2]
    if D % groups or P % groups:
        raise ValueError(
            f"{owner} expects groups that divide the {D} input and {P} output channels, "
            f"got groups={groups}"
        )
    if channels * groups != D:
        raise ValueError(
            f"{owner} expects X with {channels * groups} channels, W's {channels} times "
            f"{groups} group(s), got X of shape {list(X.shape)} and W of shape {list(W.shape)}: "
            "change in_channels of the layer or the channels of the images"
        )
    for name, other in (("W", W), ("b", b)):
        if other is None:
            continue
        if other.tensor != X.tensor:
            raise TypeError(
                f"{owner} expects Tensors alone or NumPy arrays alone, got X as "
                f"{X.type} and {name} as {other.type}"
            )
        if "float64" in (X.dtype, other.dtype) and X.dtype != other.dtype:
            raise TypeError(
                f"{owner} expects X and {name} of one type, got {X.dtype} and "
                f"{other.dtype}: convert one of them with .astype(...)"
            )
    if b is not None and b.shape != (P,):
        raise ValueError(
            f"{owner} expects b of shape [{P}], one bias an output map, got {list(b.shape)}"
        )
    _check_window(X.shape[2:], W.shape[2:], options, owner)


def _check_window(image, window, options, owner):
    for k, axis in enumerate(("height", "width")):
        try:
            output_size(image[k], window[k], *(option[k] for option in options))
        except ValueError as error:
            raise ValueError(f"{owner}, {axis}: {error}") from None
