"""Convolution as matrix products, in the form that suits the shape.

`choose` takes the first that fits:

======== ============================================= ==========================================
form     when                                          what is multiplied
======== ============================================= ==========================================
winograd 3×3, stride 1, float32, channels and tiles    transformed windows by transformed kernels
         enough; large maps even of a single image
plain    a single image, or `NNDL_FORM=plain`          kernels by windows, as in `conv2d_plain`
dense    one window covers the whole input             images [B, D·U·V] by kernels, no copying
rows     1×1 kernels; small maps of many channels      windows [B·M′·N′, U·V·D] by kernels
bands    few channels and few, wide kernels            windows of T outputs by T shifted kernels
columns  large maps, or few channels                   kernels by windows [U·V·D, N·positions]
======== ============================================= ==========================================

`plain` is left to `nndl.layers.convolution`. For a single image it is as good as any: the kernels
lie in memory as it wants them, and there is no second image for a second thread. `winograd`
multiplies less than the others. What decides between the last three is how windows are copied and
how fat the product is. In `rows` the channels of a pixel lie side by side, so a copy runs over V·D
numbers: long for many channels. In `columns` the pixels of a channel do, so a copy runs over whole
maps: long for large ones. In `bands` neighbouring windows are copied as one. The whole batch is one
product, or, where its windows would outgrow the cache, one for each block of images.
"""

import dataclasses
import functools
import math

import numpy as np

from ..arrays import contiguous, empty
from ..window import output_size
from . import bands as banded
from . import columns, rows, winograd
from .form import form_asked_for
from .threads import Workspace, over_batch

#: windows of a batch up to this size are made at once, and wait for the backward pass
WHOLE_BYTES = 16 * 2**20
#: larger ones are made in blocks of this size, which stay in the cache until they are multiplied
BLOCK_BYTES = 2 * 2**20
#: channels up to which, and pixels of an output map from which, columns copy faster than rows
FEW_CHANNELS, LARGE_MAP = 16, 512
#: of few channels, kernels up to which and pixels of their width from which bands win
FEW_KERNELS, WIDE_KERNEL = 16, 5
#: outputs of a row that share a window of bands, at most
TILE = 8
#: channels in and out from which Winograd's form pays, and tiles of the batch
WINOGRAD_CHANNELS, WINOGRAD_TILES = 16, 32
#: multiply-adds from which a second thread is worth waking
SHARED_WORK = 4 * 2**20


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sizes of one convolution, and which form computes it.

    Attributes
    ----------
    stride, padding, dilation, output : pair of int
        Output is M′ and N′.
    taps : pair of slice
        The rows and columns of the kernel that ever see data. Of a 3×3 kernel over a 1×1 map
        with padding 1 the centre alone does; the other eight would multiply zeros.
    form : 'plain', 'dense', 'winograd', 'rows', 'bands' or 'columns'
    grid : pair of int
        Windows that are computed: one for every output; for 'columns' those that run over the
        end of a row, too; for 'bands' one for every `tile` outputs of a row.
    tile : int
        T, neighbouring outputs that share a window; 1 but for 'bands'.
    length : int
        Pixels of a row that such a window copies.
    """

    stride: tuple
    padding: tuple
    dilation: tuple
    output: tuple
    taps: tuple
    form: str
    grid: tuple
    tile: int
    length: int

    @functools.cached_property
    def pieces(self):
        """For every tap of 'columns': its phase, and where its piece of that begins."""
        (s, t), (e, f) = self.stride, self.dilation
        found = []
        for u in range(self.taps[0].start, self.taps[0].stop):
            for v in range(self.taps[1].start, self.taps[1].stop):
                row, a = divmod(u * e, s)
                column, c = divmod(v * f, t)
                found.append(((a, c), row * self.grid[1] + column))
        return found


#: NNDL_FORM -> the forms that it leaves out
_LEFT_OUT = {
    "plain": ("winograd", "dense", "rows", "bands", "columns"),
    "direct": ("winograd",),
    "fast": (),
}


def choose(X, W, stride, padding, dilation, without=None):
    """The Plan for arrays X [B, D, M, N] and W [P, D, U, V], without some of the forms."""
    without = _LEFT_OUT[form_asked_for()] if without is None else without
    single = X.dtype == W.dtype == np.float32
    return _choose(len(X), X.shape[2:], W.shape, stride, padding, dilation, single, without)


@functools.lru_cache(maxsize=512)
def _choose(N, image, kernels, stride, padding, dilation, single, without):
    output, taps, phase, covers = [], [], [], True
    for k in (0, 1):
        size, kernel = image[k], kernels[2 + k]
        count = output_size(size, kernel, stride[k], padding[k], dilation[k])
        first, last = -padding[k], (count - 1) * stride[k] - padding[k]
        places = [u * dilation[k] for u in range(kernel)]
        seeing = [u for u, place in enumerate(places) if place + first < size and place + last >= 0]
        begin, end = (seeing[0], seeing[-1] + 1) if seeing else (0, 1)
        steps = dilation[k] if end - begin > 1 else 1
        covers &= count == 1 and steps == 1 and first + places[begin] == 0 and end - begin == size
        output.append(count)
        taps.append(slice(begin, end))
        phase.append(-(-(size + 2 * padding[k]) // stride[k]))
    pixels, few = output[0] * output[1], kernels[1] <= FEW_CHANNELS
    usual = kernels[2:] == (3, 3) and stride == dilation == (1, 1) and max(padding) <= 2
    served = usual and single and pixels > 1 and min(kernels[:2]) >= WINOGRAD_CHANNELS
    fits = {
        "winograd": served and N * winograd.tiling(image, padding).count >= WINOGRAD_TILES,
        "plain": N == 1 or "columns" in without,
        "dense": covers,
        "rows": kernels[2:] == (1, 1) or pixels == 1 or not (few or pixels >= LARGE_MAP),
        "bands": few and kernels[0] <= FEW_KERNELS and kernels[3] >= WIDE_KERNEL,
        "columns": True,
    }
    form = next(name for name, does in fits.items() if does and name not in without)
    tile, grid, length = 1, tuple(output), taps[1].stop - taps[1].start
    if form == "columns":
        grid = tuple(phase)
    elif form == "bands":
        tiles = -(-output[1] // TILE)
        tile = -(-output[1] // tiles)
        grid = output[0], tiles
        length = (tile - 1) * stride[1] + (length - 1) * dilation[1] + 1
    return Plan(stride, padding, dilation, tuple(output), tuple(taps), form, grid, tile, length)


_FORMS = {"rows": rows, "bands": banded, "columns": columns}


#: forms that awkward numbers rule out, and the one that is not computed here
_AWKWARD = "winograd", "bands", "plain"


def forward(X, W, b, plan):
    """Y [B, P, M′, N′], and what `backward` wants to see again.

    That is the plan that was followed in the end, and kernels in the order of its form with what
    windows are small enough to keep.
    """
    if plan.form == "dense":
        kernels = _dense_kernels(W, plan)
        Y = over_batch(lambda _: X.reshape(len(X), -1) @ kernels.T, len(X), False)[0]
        return (Y if b is None else Y + b).reshape(len(X), len(W), 1, 1), (plan, kernels)
    if plan.form == "winograd":
        Y, kept = winograd.forward(X, W, b, plan.padding) or (None, None)
    else:
        Y, kept = _forward_windows(X, W, b, plan)
    return (Y, (plan, kept)) if Y is not None else forward(X, W, b, _direct(X, W, plan))


def _direct(X, W, plan):
    return choose(X, W, plan.stride, plan.padding, plan.dilation, _AWKWARD)


def _forward_windows(X, W, b, plan):
    """Y, kernels and the windows by parts; None, None where the numbers are no job for 'bands'."""
    form, kernels = _FORMS[plan.form], _kernels(W, plan)
    Y = empty((len(X), len(W), *plan.output), X.dtype)

    def compute(part):
        space = Workspace()
        blocks = _blocks(part, W, plan)
        for block in blocks:
            windows = form.unfold(X[block], plan, space)
            form.multiply(windows, kernels, b, plan, Y[block], space)
        return (part.start, part.stop), windows if len(blocks) == 1 else None

    kept = dict(over_batch(compute, len(X), Y.size * W[0].size >= SHARED_WORK))
    if plan.form == "bands" and not _finite(Y):
        return None, None
    return Y, (kernels, kept)


@np.errstate(over="ignore", invalid="ignore")
def _finite(values):
    """Whether all are numbers. In 'bands', 0 times one that is not would reach its neighbours."""
    return np.isfinite(np.dot(values.reshape(-1), values.reshape(-1)))


def backward(dY, X, W, needed, memory):
    """dX, dW, db, None where not needed: from Y = kernels · windows + b.

    dkernels = dY · windowsᵀ; dwindows = kernelsᵀ · dY, every entry added to the pixel it came
    from; db = Σ dY.
    """
    plan, kept = memory
    if plan.form == "dense":
        G = dY.reshape(len(dY), -1)
        return over_batch(
            lambda _: _dense_backward(
                G, X, W, _dense_kernels(W, plan) if kept is None else kept, plan, needed
            ),
            len(X),
            False,
        )[0]
    if plan.form == "winograd":
        gradients = winograd.backward(dY, X, W, plan.padding, needed, kept)
    else:
        gradients = _backward_windows(dY, X, W, plan, needed, kept)
    if gradients is None:
        return backward(dY, X, W, needed, (_direct(X, W, plan), None))
    return gradients


def _backward_windows(dY, X, W, plan, needed, kept):
    """dX, dW, db; None alone where the numbers are no job for 'bands'."""
    form, (kernels, kept) = _FORMS[plan.form], kept or (_kernels(W, plan), {})
    dX = empty(X.shape, X.dtype) if needed[0] else None

    def compute(part):
        space, dkernels, db = Workspace(), 0, 0
        windows = kept.get((part.start, part.stop))
        for block in _blocks(part, W, plan):
            G = form.arrange(dY[block], plan, space)
            if needed[1]:
                seen = form.unfold(X[block], plan, space) if windows is None else windows
                dkernels = dkernels + form.kernel_gradient(G, seen, plan)
            if needed[0]:
                form.fold(G, kernels, plan, dX[block], space)
            if needed[2]:
                db = db + form.bias_gradient(G, plan)
        return dkernels, db

    parts = over_batch(compute, len(X), dY.size * W[0].size >= SHARED_WORK)
    if plan.form == "bands" and needed[0] and not _finite(dX):
        return None
    dW = _spread(sum(dkernels for dkernels, _ in parts), W, plan) if needed[1] else None
    return dX, dW, sum(db for _, db in parts) if needed[2] else None


def _dense_kernels(W, plan):
    """The part of the kernels that sees data, [P, D·U·V], in the order of an image."""
    part = _seeing(W, plan)
    if part.shape == W.shape:
        return W.reshape(len(W), -1)
    kernels = np.empty(part.shape, W.dtype)
    for u, v in np.ndindex(part.shape[2:]):  # tap by tap: longer runs than the taps of a kernel
        kernels[:, :, u, v] = part[:, :, u, v]
    return kernels.reshape(len(W), -1)


def _dense_backward(G, X, W, kernels, plan, needed):
    images, dX, dW = X.reshape(len(X), -1), None, None
    if needed[0]:
        dX = (G @ kernels).reshape(X.shape)
    if needed[1]:
        dW = _with_zeros(np.dot(G.T, images).reshape(_seeing(W, plan).shape), W, plan)
    return dX, dW, G.sum(axis=0) if needed[2] else None


def _blocks(part, W, plan):
    """Slices of a part of the batch whose windows are made and multiplied together."""
    taps = (plan.taps[0].stop - plan.taps[0].start) * plan.length
    image = math.prod(plan.grid) * W.shape[1] * taps * W.itemsize
    size = part.stop - part.start
    size = size if image * size <= WHOLE_BYTES else max(1, BLOCK_BYTES // image)
    starts = range(part.start, part.stop, size)
    return [slice(start, min(start + size, part.stop)) for start in starts]


def _seeing(W, plan):
    """The part of the kernels [P, D, U, V] that ever sees data."""
    return W[:, :, plan.taps[0], plan.taps[1]]


def _kernels(W, plan):
    """Kernels [P, U·V·D], in the order of a window; for 'bands' as a band."""
    if plan.form == "bands":
        return banded.kernels(_seeing(W, plan), plan)
    return np.ascontiguousarray(_seeing(W, plan).transpose(0, 2, 3, 1)).reshape(len(W), -1)


def _spread(dkernels, W, plan):
    """The gradient [P, U·V·D] in W's own order."""
    U, V = _seeing(W, plan).shape[2:]
    part = dkernels.reshape(len(W), U, V, W.shape[1]).transpose(0, 3, 1, 2)
    return _with_zeros(part, W, plan)


def _with_zeros(part, W, plan):
    """The gradient of all of W: 0 for taps that never see data."""
    if part.shape == W.shape:
        return contiguous(part)
    dW = np.zeros(W.shape, W.dtype)
    for u, v in np.ndindex(part.shape[2:]):  # tap by tap, as above
        dW[:, :, plan.taps[0].start + u, plan.taps[1].start + v] = part[:, :, u, v]
    return dW
