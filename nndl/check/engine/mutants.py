"""One convolution that makes chosen mistakes, from which the checks take their mutants."""

from itertools import combinations

import numpy as np

from .diagnose import to_array

#: mistakes a convolution can make; `faulty_conv2d` takes any set of them
PADDING = (
    "padding_forgotten",
    "padding_one_side",
    "padding_one_axis",
    "padding_edge",
    "padding_doubled",
)
STRIDE = ("stride_ignored", "stride_one_axis", "stride_not_in_index")
KERNEL = ("kernel_flipped", "rows_columns_swapped")
BIAS = ("bias_missing", "bias_per_tap", "bias_per_channel", "bias_same_for_all", "bias_wrong_axis")
CHANNELS = ("channels_overwritten", "channels_not_summed", "channels_averaged", "output_maps_same")
DILATION = ("dilation_ignored", "dilation_off_by_one", "dilation_not_in_size")
GROUPS = ("groups_ignored", "groups_interleaved")
WINDOW = ("window_overwritten",)

#: the same mistake, made in another way: name -> key of the diagnosis
_ALIASES = {
    "stride_one_axis_columns": "stride_one_axis",
    "stride_one_axis_in_index": "stride_one_axis",
    "stride_one_axis_columns_in_index": "stride_one_axis",
    "padding_one_axis_columns": "padding_one_axis",
    "padding_one_side_end": "padding_one_side",
    "padding_one_side_size": "padding_one_side",
    "padding_not_in_size": "padding_forgotten",
    "padding_only_in_size": "padding_forgotten",
    "kernel_flipped_rows": "kernel_flipped",
    "kernel_flipped_columns": "kernel_flipped",
    "dilation_only_in_size": "dilation_ignored",
    "channels_kept": "channels_not_summed",
    "positions_swapped": "rows_columns_swapped",
    "dilation_counts_gaps": "dilation_off_by_one",
    "bias_summed": "bias_same_for_all",
    "size_one_less": "size_off_by_one",
    "size_one_more": "size_off_by_one",
}


def _padded(X, p, has):
    pad = {"top": p, "bottom": p, "left": p, "right": p}
    if has("padding_forgotten") or has("padding_only_in_size"):
        pad = dict.fromkeys(pad, 0)
    if has("padding_one_side"):
        pad["bottom"] = pad["right"] = 0
    if has("padding_one_side_end"):
        pad["top"] = pad["left"] = 0
    if has("padding_one_axis"):
        pad["left"] = pad["right"] = 0
    if has("padding_one_axis_columns"):
        pad["top"] = pad["bottom"] = 0
    if has("padding_doubled"):
        pad = {side: 2 * p for side in pad}
    widths = [(0, 0), (0, 0), (pad["top"], pad["bottom"]), (pad["left"], pad["right"])]
    return np.pad(X, widths, mode="edge" if has("padding_edge") else "constant")


def _strides(s, has):
    rows = 1 if has("stride_ignored") or has("stride_one_axis_columns") else s
    columns = 1 if has("stride_ignored") or has("stride_one_axis") else s
    return rows, columns


def _steps(s, has):
    """How far the window really moves, which may differ from what the size was computed with."""
    rows, columns = _strides(s, has)
    if has("stride_not_in_index"):
        return 1, 1
    if has("stride_one_axis_in_index"):
        columns = 1
    if has("stride_one_axis_columns_in_index"):
        rows = 1
    return rows, columns


def _kernel(W, has):
    flips = {
        "kernel_flipped": W[:, :, ::-1, ::-1],
        "kernel_flipped_rows": W[:, :, ::-1],
        "kernel_flipped_columns": W[:, :, :, ::-1],
    }
    return next((flipped for name, flipped in flips.items() if has(name)), W)


def faulty_conv2d(X, W, b=None, stride=1, padding=0, dilation=1, groups=1, mistakes=()):
    """Cross-correlation in NumPy that makes the named mistakes; right without any.

    Parameters
    ----------
    X : array-like [N, D, M, N']
    W : array-like [P, D/groups, U, V]
    b : array-like [P], optional
    stride, padding, dilation, groups : int
    mistakes : collection of str

    Returns
    -------
    ndarray [N, P, M', N''], float64
        Raises IndexError or ValueError where the mistake would make the code fail.
    """
    has = mistakes.__contains__
    X, W = to_array(X).astype("float64"), _kernel(to_array(W).astype("float64"), has)
    Z = _padded(X, padding, has)
    d = 1 if has("dilation_ignored") else dilation
    d += has("dilation_counts_gaps") or (dilation > 1 and has("dilation_off_by_one"))
    U, V = W.shape[2:]
    size_shape = X if has("padding_not_in_size") else Z
    if has("padding_only_in_size") or has("padding_one_side_size"):
        size_shape = np.zeros([1, 1] + [n + 2 * padding for n in X.shape[2:]])
    if has("padding_one_side_size"):
        size_shape = np.zeros([1, 1] + [n + padding for n in X.shape[2:]])
    span = 1 if has("dilation_not_in_size") else d
    if has("dilation_only_in_size"):
        span, d = dilation, 1
    strides = _strides(stride, has)
    extra = has("size_one_more") - has("size_one_less")
    rows, columns = (
        (size_shape.shape[2 + k] - span * ((U, V)[k] - 1) - 1) // strides[k] + 1 + extra
        for k in (0, 1)
    )
    steps = _steps(stride, has)
    P, Dg = W.shape[:2]
    D = X.shape[1]
    Y = np.zeros((X.shape[0], P, D if has("channels_kept") else 1, rows, columns))
    if rows < 1 or columns < 1:
        raise ValueError("no room for the window")
    for p in range(P):
        start = 0 if has("groups_ignored") else p // (P // groups) * (D // groups)
        if has("groups_interleaved"):
            start = p % groups * (D // groups)
        kernel = W[0] if has("output_maps_same") else W[p]
        for c in range(Dg):
            term = _one_channel(Z[:, start + c], kernel[c], rows, columns, steps, d, has)
            if has("channels_kept"):
                Y[:, p, c] = term
            elif has("channels_overwritten") or has("window_overwritten"):
                Y[:, p, 0] = term
            elif not (has("channels_not_summed") and c):
                Y[:, p, 0] += term
    if has("channels_averaged"):
        Y /= Dg
    if has("channels_kept"):
        return Y
    return Y[:, :, 0] + _bias(b, Y[:, :, 0], U * V * Dg, Dg, has)


def _one_channel(Z, kernel, rows, columns, steps, d, has):
    """Sum over u, v of shifted copies of Z; a window beyond the edge raises IndexError."""
    out = np.zeros((len(Z), rows, columns))
    for u in range(kernel.shape[0]):
        for v in range(kernel.shape[1]):
            top, left = (d * v, d * u) if has("rows_columns_swapped") else (d * u, d * v)
            i, j = np.arange(rows)[:, None], np.arange(columns)[None, :]
            if has("positions_swapped"):
                i, j = j, i
            term = kernel[u, v] * Z[:, i * steps[0] + top, j * steps[1] + left]
            out = term if has("window_overwritten") else out + term
    return out


def _bias(b, Y, taps, channels, has):
    if b is None or has("bias_missing"):
        return 0.0
    b = to_array(b).astype("float64")
    if has("bias_same_for_all") or has("bias_summed"):
        return b[0] if has("bias_same_for_all") else b.sum()
    if has("bias_wrong_axis"):
        return b  # broadcasts over the width, if it can at all
    factor = taps if has("bias_per_tap") else channels if has("bias_per_channel") else 1
    return factor * b.reshape(1, -1, 1, 1)


def convolution_mutants(names, adapt, pairs=True):
    """Mutants of a convolution with one mistake each, then with two.

    Parameters
    ----------
    names : iterable of str
        Mistakes that `faulty_conv2d` knows.
    adapt : function
        adapt(mistakes) → function with the exercise's own arguments.
    pairs : bool
        Whether to add all pairs of different mistakes.

    Returns
    -------
    dict of str to list of functions
        Single mistakes first; a pair's key joins both with '+'.
    """
    names = list(names)
    names += [alias for alias, key in _ALIASES.items() if key in names]
    names = [name for name in names if name != "size_off_by_one"]  # stands for its aliases
    found = {}
    for name in names:
        found.setdefault(_ALIASES.get(name, name), []).append(adapt({name}))
    for pair in combinations(names, 2) if pairs else ():
        keys = [_ALIASES.get(name, name) for name in pair]
        if keys[0].split("_")[0] != keys[1].split("_")[0]:
            found.setdefault("+".join(keys), []).append(adapt(set(pair)))
    return found
