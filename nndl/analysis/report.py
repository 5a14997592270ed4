"""Parameters and multiply-adds of a model, layer by layer: by formula and as Paddle counts them.

How the two counts differ:

- convolution: M′·N′·P·(D/groups)·U·V, and M′·N′·P for the bias; Paddle the same;
- linear layer: inputs × outputs, and one addition per output for the bias, as for a convolution
  over one position; Paddle leaves the bias out;
- average pooling: M′·N′·P; Paddle the same, but out × (window + 1) for adaptive pooling;
- batch norm: 2 per element (its scale and shift, with the statistics fixed); Paddle the same;
- max pooling, ReLU, dropout, flatten: 0; Paddle the same.

Both see layers only: what a forward method computes with functions is in neither count. Products
among that (`paddle.matmul` of attention, `F.conv2d`) are named with their size below the table.
Recurrent layers count every weight and bias once a step; Paddle leaves them out.
"""

import math

import paddle

from ..display.table import MISSING, table
from ..probe import make_inputs, own_buffers, running
from . import counting
from .trace import Trace, Untraceable, products

_LAYER = ("layer", "type", "output shape")
_VIEWS = {
    "params": (
        *_LAYER,
        "trainable",
        "fixed",
        "share of parameters",
        "working",
        "FLOPs",
        "paddle.flops",
    ),
    "flops": (*_LAYER, "params", "FLOPs", "paddle.flops", "share of FLOPs", "working"),
}


def summary(model, input_size, dtype="float32", formulas=None):
    """Table of the layers with their parameters, output shapes and multiply-adds.

    Parameters
    ----------
    model : paddle.nn.Layer
    input_size : tuple of int, or list of such tuples
        Shape of the input, batch axis first: (1, 1, 32, 32). For image models the batch axis may
        be left out: (1, 32, 32). A list of tuples for a model with several inputs. Counts are for
        the whole input, so take a batch of 1 for the cost of one image.
    dtype : str or list of str
        Of the input, or of each input.
    formulas : dict of type to function, optional
        How to count further types of layer: function (layer, input, output) → multiply-adds,
        for one call. A container named here counts as one row.

    Returns
    -------
    Report
        Its table has trainable parameters apart from fixed ones (running statistics, buffers,
        frozen parameters), with the formula written out and the share of the total.

    Raises
    ------
    TypeError, ValueError
        If `model` is no layer, or cannot run on inputs of that size.

    Notes
    -----
    The model comes back as it was (training mode, buffers, hooks, state_dict, running statistics,
    gradients), and so do the random generators. A line below the table gives the totals of
    `paddle.summary`, which counts a shared weight twice and leaves buffers out.

    References
    ----------
    The book, sections 5.2.1 and 5.3.2.

    Examples
    --------
    >>> import paddle
    >>> from nndl.analysis import summary
    >>> summary(paddle.nn.Linear(84, 10), (1, 84)).trainable
    850
    """
    return _report("params", model, input_size, dtype, formulas)


def flops(model, input_size, dtype="float32", formulas=None):
    """Table of the layers with their multiply-adds by the chapter's formulas and by `paddle.flops`.

    Parameters
    ----------
    model, input_size, dtype, formulas
        As for `summary`.

    Returns
    -------
    Report
        `.flops` is the total by formula, `.paddle_flops` that of `paddle.flops`; the head of this
        module says where they differ. Layers written by hand and subclasses are registered with
        Paddle, which would take them as 0; types that nobody knows are named in `.unknown`.

    Raises
    ------
    TypeError, ValueError
        If `model` is no layer, or cannot run on inputs of that size.

    Notes
    -----
    Where `paddle.flops` itself fails (with NumPy 2.4 it raises a TypeError), its column is computed
    from its documented rules, and a line below the table says so.

    References
    ----------
    The book, sections 5.2.1 and 5.3.2.

    Examples
    --------
    >>> import paddle
    >>> from nndl.analysis import flops
    >>> report = flops(paddle.nn.Conv2D(1, 6, 5), (1, 1, 32, 32))
    >>> report.flops, report.rows[0]["working"]
    (122304, '28·28·6·1·5·5 + 28·28·6')
    """
    return _report("flops", model, input_size, dtype, formulas)


def compare(models, input_size=None, dtype="float32"):
    """Table of several models side by side: parameters, multiply-adds, share of each module.

    Parameters
    ----------
    models : dict of str to paddle.nn.Layer or Report
        Heading → model. Reports carry their own input size.
    input_size : tuple of int
        For the models, as in `summary`.
    dtype : str

    Returns
    -------
    Table
        A column a model. The modules are the model's direct children; — where it has none
        of that name.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to compare, or a model cannot run on that size.

    Examples
    --------
    >>> import paddle
    >>> from nndl.analysis import compare
    >>> dense, conv = paddle.nn.Linear(1024, 900), paddle.nn.Conv2D(1, 1, 3)
    >>> print(compare({"conv": flops(conv, (1, 1, 32, 32)), "dense": flops(dense, (1, 1024))}))
                            conv    dense
    ─────────────────────  ─────  ───────
    trainable parameters      10  922,500
    fixed parameters           0        0
    FLOPs by formula       9,000  922,500
    FLOPs by paddle.flops  9,000  921,600
    FLOPs: multiply-adds in layers; functions called in forward (F.relu, X + Y) not counted.
    Linear: the formula counts the bias, one addition per output; Paddle not.
    """
    if not isinstance(models, dict) or not models:
        raise TypeError(
            f"compare expects a dictionary of models such as {{'LeNet': model}}, got {models!r}"
        )
    if input_size is None and not all(isinstance(model, Report) for model in models.values()):
        raise ValueError("compare needs input_size, such as (1, 1, 32, 32), to run the models")
    reports = {
        name: model if isinstance(model, Report) else flops(model, input_size, dtype)
        for name, model in models.items()
    }
    measures = {
        "trainable parameters": "trainable",
        "fixed parameters": "fixed",
        "FLOPs by formula": "flops",
        "FLOPs by paddle.flops": "paddle_flops",
    }
    rows = [
        [label, *(getattr(r, attribute) for r in reports.values())]
        for label, attribute in measures.items()
    ]
    parts = {name: {p["module"]: p for p in r.modules()} for name, r in reports.items()}
    modules = dict.fromkeys(m for part in parts.values() if len(part) > 1 for m in part)
    for key, label in (("share of parameters", "parameters"), ("share of FLOPs", "FLOPs")):
        for module in modules:
            shares = [parts[name].get(module, {}).get(key) for name in reports]
            rows.append(
                [f"{module}: share of {label}"]
                + [MISSING if share is None else f"{share:.1%}" for share in shares]
            )
    notes = dict.fromkeys(note for r in reports.values() for note in r.notes)
    return table(rows, columns=["", *reports], notes=notes)


class Report:
    """Counts of a model; made by `summary` and `flops`.

    Attributes
    ----------
    rows : list of dict
        One a layer: layer, type, output shape, params, trainable, fixed, FLOPs, paddle.flops,
        calls, working (the formula of the FLOPs), params working.
    trainable, fixed, params : int
        Numbers that training changes; running statistics, buffers and frozen parameters; both.
    flops, paddle_flops : int
        Multiply-adds of one forward pass of the whole input.
    paddle_params, paddle_trainable : int or None
        As `paddle.summary` reports them; None where it fails.
    unknown : list of str
        Types of layer that nobody counts.
    notes : list of str
        What the reader of the table must know.
    """

    def __init__(self, view, title, rows, paddle_flops, paddle_params, unknown, notes):
        self.view, self.title, self.rows = view, title, rows
        self.unknown, self.notes = unknown, notes
        self.trainable = sum(row["trainable"] for row in rows)
        self.fixed = sum(row["fixed"] for row in rows)
        self.params = self.trainable + self.fixed
        self.flops = sum(row["FLOPs"] or 0 for row in rows)
        self.paddle_flops = paddle_flops
        self.paddle_params, self.paddle_trainable = paddle_params

    def modules(self):
        """Totals of the model's direct children, as a list of dict (a table shows it)."""
        parts = {}
        for row in self.rows:
            name = row["layer"].split(".")[0]
            part = parts.setdefault(name, {"module": name, "params": 0, "FLOPs": 0})
            part["params"] += row["params"]
            part["FLOPs"] += row["FLOPs"] or 0
        for part in parts.values():
            part["share of parameters"] = _share(part["params"], self.params)
            part["share of FLOPs"] = _share(part["FLOPs"], self.flops)
        return list(parts.values())

    def table(self):
        """The report as a `Table` with a row of totals."""
        columns = _VIEWS[self.view]
        of, total, share_of = (
            ("params", self.params, "share of parameters")
            if self.view == "params"
            else ("FLOPs", self.flops, "share of FLOPs")
        )
        rows = []
        for row in self.rows:
            shape = MISSING if row["output shape"] is None else _shape(row["output shape"])
            working = row["params working"] if self.view == "params" else row["working"]
            share = f"{_share(row[of] or 0, total):.1%}" if row[of] else ""
            rows.append({**row, "output shape": shape, share_of: share, "working": working})
        totals = dict.fromkeys(columns, "")
        totals.update(
            layer="total",
            params=self.params,
            trainable=self.trainable,
            fixed=self.fixed,
            FLOPs=self.flops,
        )
        totals["paddle.flops"], totals[share_of] = self.paddle_flops, "100%"
        rows.append({key: totals[key] for key in columns})
        if not any(row["fixed"] for row in self.rows):
            columns = [column for column in columns if column != "fixed"]
        return table(rows, columns, caption=self.title, emphasise=[-1], notes=self.notes)

    def __str__(self):
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self):
        return self.table()._repr_html_()


# ---------------------------------------------------------------------------- how it is made


def _report(view, model, input_size, dtype, formulas):
    inputs = make_inputs(model, input_size, dtype, {"params": "summary", "flops": "flops"}[view])
    formulas = dict(formulas or {})
    for kind in formulas:
        if not (isinstance(kind, type) and issubclass(kind, paddle.nn.Layer)):
            raise TypeError(f"formulas maps types of layer to functions, got the key {kind!r}")
    with running(model, inputs):
        calls = counting.measure(model, inputs, formulas)
    notes = []
    try:
        paddle_total, by_layer = counting.paddle_flops(model, inputs, formulas)
    except Exception as error:
        paddle_total, by_layer = None, None
        notes.append(
            f"paddle.flops failed ({type(error).__name__}: {_first_line(error)}); its column is "
            "computed from its documented rules."
        )
    rows = _rows(model, calls, by_layer)
    if paddle_total is None:
        paddle_total = sum(row["paddle.flops"] or 0 for row in rows)
    try:
        paddle_params = counting.paddle_parameters(model, inputs)
    except Exception as error:
        paddle_params = None, None
        notes.append(f"paddle.summary failed ({type(error).__name__}: {_first_line(error)}).")
    unknown = _unknown(calls, formulas)
    report = Report(
        view, _title(model, inputs), rows, paddle_total, paddle_params, list(unknown), notes
    )
    report.notes += _notes(report, calls, unknown)
    if (view == "flops" or unknown) and (note := _products_note(model, inputs, calls)):
        report.notes.insert(0, note)
    return report


def _products_note(model, inputs, calls):
    """What functions multiply in forward methods, by the traced graph; '' where nothing."""
    try:
        found = products(Trace(model, inputs), [call.name for call in calls if call.counts])
    except Untraceable:
        return ""
    if not found:
        return ""
    parts = [f"{name} {size:,}" for name, size in list(found.items())[:4]]
    parts += ["…"] if len(found) > 4 else []
    total = f", together {sum(found.values()):,}" if len(found) > 1 else ""
    return f"Not counted: multiply-adds of products in functions: {', '.join(parts)}{total}."


def _rows(model, calls, by_layer):
    rows, seen = [], set()
    for call in calls:
        layer = call.layer
        whole = not list(layer.children()) or bool(call.counts)
        own = layer.state_dict() if whole else dict(layer._parameters)
        tensors = _own_tensors(layer, whole)
        new = [t for t in tensors if id(t) not in seen]
        seen.update(id(t) for t in tensors)
        trainable = [t for t in new if _trains(t)]
        members = layer.sublayers(include_self=True) if whole else [layer]
        if by_layer is None:
            theirs = sum(count.paddle for count in call.counts)
        else:
            theirs = sum(by_layer.get(id(member), 0) for member in members)
        rows.append(
            {
                "layer": call.name or type(model).__name__,
                "type": _type_name(layer) if whole else f"{_type_name(layer)} (own weights)",
                "output shape": call.output_shape,
                "params": sum(_size(t) for t in new),
                "trainable": sum(_size(t) for t in trainable),
                "fixed": sum(_size(t) for t in new if not _trains(t)),
                "FLOPs": sum(c.formula for c in call.counts) if call.counts else None,
                "paddle.flops": theirs if call.calls else None,
                "calls": call.calls,
                "working": _working(call),
                "params working": _params_working(own, trainable, len(new) < len(tensors)),
            }
        )
    return rows


def _own_tensors(layer, whole):
    members = layer.sublayers(include_self=True) if whole else [layer]
    found = {}
    for member in members:
        for tensor in [*member._parameters.values(), *own_buffers(member).values()]:
            if tensor is not None:
                found[id(tensor)] = tensor
    return list(found.values())


def _trains(tensor):
    return bool(getattr(tensor, "trainable", False)) and not tensor.stop_gradient


def _size(tensor):
    return math.prod(tensor.shape)


def _share(part, whole):
    return part / whole if whole else 0.0


def _shape(shape):
    return "×".join(map(str, shape))


def _type_name(layer):
    name = type(layer).__name__
    return f"nndl.{name}" if type(layer).__module__.startswith("nndl.") else name


def _working(call):
    text = call.counts[0].working if call.counts else ""
    return f"{len(call.counts)} × ({text})" if text and len(call.counts) > 1 else text


def _params_working(own, trainable, shared):
    text = " + ".join("·".join(map(str, t.shape)) for t in trainable)
    return (text + " (shared)").strip() if shared else text


def _first_line(error):
    return str(error).strip().split("\n")[0]


def _title(model, inputs):
    shapes = ", ".join(_shape(x.shape) for x in inputs)
    return f"{type(model).__name__}, input {shapes}"


def _unknown(calls, formulas):
    """Types that no rule counts → how many layers, in order of appearance."""
    found = {}
    for call in calls:
        if counting.rule_for(call.layer, formulas) is None or (
            not call.calls and any(p is not None for p in call.layer._parameters.values())
        ):
            name = _type_name(call.layer)
            found[name] = found.get(name, 0) + 1
    return found


def _notes(report, calls, unknown):
    notes = []
    if unknown:
        names = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in unknown.items())
        notes.append(
            f"Not counted: {names}. FLOPs are without them; `formulas={{Type: function}}` "
            "says how to count a type."
        )
    if idle := [call.name for call in calls if not call.calls]:
        notes.append(f"Not called in this forward pass: {', '.join(idle)}.")
    if report.view == "params":
        if report.fixed:
            notes.append("fixed: running statistics, buffers and frozen parameters.")
        if report.paddle_params is not None:
            notes.append(
                f"paddle.summary: {report.paddle_params:,} parameters, "
                f"{report.paddle_trainable:,} of them trainable."
            )
        return notes
    differing = [row for row in report.rows if row["FLOPs"] and row["FLOPs"] != row["paddle.flops"]]
    types = {row["type"] for row in differing}
    if "Linear" in types:
        notes.append("Linear: the formula counts the bias, one addition per output; Paddle not.")
    if any(name.startswith("AdaptiveAvgPool") for name in types):
        notes.append("Adaptive average pooling: the formula counts M′·N′·P, Paddle out·(window+1).")
    if any(name.endswith("Transpose") for name in types):
        notes.append("Transposed convolution: Paddle counts a whole kernel for every output.")
    if recurrent := [name for name in types if name in ("SimpleRNN", "LSTM", "GRU")]:
        notes.append(
            f"{', '.join(recurrent)}: every weight and bias once a step; Paddle counts none."
        )
    notes.append(
        "FLOPs: multiply-adds in layers; functions called in forward (F.relu, X + Y) not counted."
    )
    return notes
