"""Convolution as matrix products, in the form that suits the shape.

`choose` takes the first that fits:

======== ============================================= ==========================================
form     when                                          what is multiplied
======== ============================================= ==========================================
winograd 3×3, stride 1, float32, channels and tiles    transformed windows by transformed kernels
         enough; large maps even of a single image
dense    one window covers the whole input             images [B, D·U·V] by kernels; of several
                                                       taps, but not all, a batch alone
plain    a single image, or `NNDL_FORM=plain`          kernels by windows, as in `conv2d_plain`
columns  large maps, or few channels                   kernels by windows [D·U·V, positions]
rows     small maps of many channels                   windows [B·M′·N′, U·V·D] by kernels
======== ============================================= ==========================================

`plain` is left to `nndl.layers.convolution`. For a single image it is as good as any: the kernels
lie in memory as it wants them, and there is no second image for a second thread. `winograd`
multiplies less than the others. What decides between the last two is how windows are copied. In
`rows` the channels of a pixel lie side by side, so a copy runs over V·D numbers: long for many
channels. In `columns` the pixels of a channel do, so a copy runs over whole maps: long for large
ones. Where the windows of a batch would outgrow the cache, they are made and multiplied in blocks
of images.
"""

import dataclasses
import functools
import math

import numpy as np

from ..arrays import contiguous, empty
from ..window import output_size
from . import columns, rows, winograd
from .form import form_asked_for
from .threads import Workspace, over_batch

#: windows of a batch up to this size are made at once, and wait for the backward pass
WHOLE_BYTES = 4 * 2**20
#: larger ones are made in blocks of this size, which stay in the cache until they are multiplied
BLOCK_BYTES = 2 * 2**20
#: how many times as long a copy of columns must be to be quicker than one of rows
LONGER = 2
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
    form : 'plain', 'dense', 'winograd', 'rows' or 'columns'
    grid : pair of int
        M′ and N′; for 'columns' the rows and columns of a phase of the image.
    length : int
        Windows of an image that are computed: one for every output; for 'columns' those that run
        over the end of a row, too.
    """

    stride: tuple
    padding: tuple
    dilation: tuple
    output: tuple
    taps: tuple
    form: str
    grid: tuple
    length: int

    @property
    def window(self):
        """Rows and columns of taps that see data."""
        return tuple(taps.stop - taps.start for taps in self.taps)

    @functools.cached_property
    def groups(self):
        """For 'columns', the taps that see one phase of the image, by groups.

        Of each: the phase; the index of its taps in [n, D, U, V, positions]; the first pixel that
        the first of them sees; pixels from there to the next tap below and to the right.
        """
        rows, columns = (
            [
                (u * e % s, slice(u - taps.start, None, every), u * e // s, e * every // s)
                for every in [s // math.gcd(s, e)]
                for u in range(taps.start, min(taps.start + every, taps.stop))
            ]
            for s, e, taps in zip(self.stride, self.dilation, self.taps, strict=True)
        )
        C = self.grid[1]
        return [
            ((a, c), (..., us, vs, slice(None)), row * C + column, (down * C, right))
            for a, us, row, down in rows
            for c, vs, column, right in columns
        ]


#: NNDL_FORM -> the forms that it leaves out
_LEFT_OUT = {
    "plain": ("winograd", "dense", "rows", "columns"),
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
    window = math.prod(side.stop - side.start for side in taps)
    pixels, length = output[0] * output[1], (output[0] - 1) * phase[1] + output[1]
    usual = kernels[2:] == (3, 3) and stride == dilation == (1, 1) and max(padding) <= 2
    served = usual and single and pixels > 1 and min(kernels[:2]) >= WINOGRAD_CHANNELS
    fits = {
        "winograd": served and N * winograd.tiling(image, padding).count >= WINOGRAD_TILES,
        "dense": covers and (N > 1 or window in (1, kernels[2] * kernels[3])),
        "plain": N == 1,
        "columns": length >= LONGER * kernels[1] * (taps[1].stop - taps[1].start),
        "rows": True,
    }
    form = next((name for name, does in fits.items() if does and name not in without), "plain")
    grid, length = (tuple(phase), length) if form == "columns" else (tuple(output), pixels)
    return Plan(stride, padding, dilation, tuple(output), tuple(taps), form, grid, length)


_FORMS = {"rows": rows, "columns": columns}

#: form -> those that are left when its numbers are no job for it; 'plain' is not computed here
_WITHOUT = {"winograd": ("winograd", "plain"), "columns": ("winograd", "plain", "columns")}


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
        found = winograd.forward(X, W, b, plan.padding)
        if found is None:
            return forward(X, W, b, _instead(X, W, plan))
        return found[0], (plan, found[1])
    Y, kept = _forward_windows(X, W, b, plan)
    return Y, (plan, kept)


def _instead(X, W, plan):
    """The Plan for numbers that are no job for this one."""
    return choose(X, W, plan.stride, plan.padding, plan.dilation, _WITHOUT[plan.form])


def _forward_windows(X, W, b, plan):
    """Y, and the kernels and windows by parts."""
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
    return Y, (kernels, kept)


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
        return backward(dY, X, W, needed, (_instead(X, W, plan), None))
    return gradients


def _backward_windows(dY, X, W, plan, needed, kept):
    """dX, dW, db; None alone where the numbers are no job for 'columns'.

    There 0, the gradient of a window over the end of a row, is multiplied by what that sees.
    """
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
    dkernels = sum(dkernels for dkernels, _ in parts)
    if plan.form == "columns" and not (np.isfinite(dkernels).all() and np.isfinite(kernels).all()):
        return None
    dW = _spread(dkernels, W, plan) if needed[1] else None
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
    image = plan.length * _seeing(W, plan)[0].size * W.itemsize
    size = part.stop - part.start
    size = size if image * size <= WHOLE_BYTES else max(1, BLOCK_BYTES // image)
    starts = range(part.start, part.stop, size)
    return [slice(start, min(start + size, part.stop)) for start in starts]


def _seeing(W, plan):
    """The part of the kernels [P, D, U, V] that ever sees data."""
    return W[:, :, plan.taps[0], plan.taps[1]]


def _kernels(W, plan):
    """Kernels [P, K], in the order of a window: [U·V·D] in 'rows', else W's own, [D·U·V]."""
    part = _seeing(W, plan)
    if plan.form == "rows":
        part = part.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(part).reshape(len(W), -1)


def _spread(dkernels, W, plan):
    """The gradient [P, K] in W's own order."""
    D, U, V = _seeing(W, plan)[0].shape
    if plan.form == "rows":
        part = dkernels.reshape(-1, U, V, D).transpose(0, 3, 1, 2)
    else:
        part = dkernels.reshape(-1, D, U, V)
    return _with_zeros(part, W, plan)


def _with_zeros(part, W, plan):
    """The gradient of all of W: 0 for taps that never see data."""
    if part.shape == W.shape:
        return contiguous(part)
    dW = empty(W.shape, W.dtype)  # aligned: what np.zeros makes would be copied once more
    dW[...] = 0
    for u, v in np.ndindex(part.shape[2:]):  # tap by tap, as above
        dW[:, :, plan.taps[0].start + u, plan.taps[1].start + v] = part[:, :, u, v]
    return dW
