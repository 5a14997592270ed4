"""Read a model into the steps, residual units and modules that a diagram shows."""

from dataclasses import dataclass, field

import paddle.nn as nn


@dataclass
class Step:
    """One layer of a diagram: what stands in its box, and what comes out."""

    name: str
    kind: str  # 'conv', 'pool', 'linear' or 'other'
    text: str
    shape: list
    extras: list = field(default_factory=list)


@dataclass
class Unit:
    """Steps side by side with a shortcut over them; `shortcut` is None for the identity."""

    name: str
    steps: list
    shortcut: Step | None
    residual: bool


def _kind(layer):
    name = type(layer).__name__
    if "Conv" in name:
        return "conv"
    if "Pool" in name:
        return "pool"
    return "linear" if isinstance(layer, nn.Linear) else "other"


def _pair(value):
    return tuple(value) if isinstance(value, (list, tuple)) else (value, value)


def _describe(layer):
    """'5×5, 16' for a convolution, 'max 2×2' for a pooling, and so on."""
    kind, name = _kind(layer), type(layer).__name__
    if kind == "conv":
        size = "×".join(map(str, layer.weight.shape[2:]))
        return f"{size}, {layer.weight.shape[0]}"
    if kind == "pool":
        mode = getattr(layer, "mode", "avg" if "Avg" in name else "max")
        size = getattr(layer, "size", None) or getattr(layer, "ksize", None)
        return f"global {mode}" if size is None else f"{mode} {'×'.join(map(str, _pair(size)))}"
    return f"linear {layer.weight.shape[1]}" if kind == "linear" else name


def make_step(layer, name, shape):
    stride = getattr(layer, "stride", None) or getattr(layer, "_stride", None) or 1
    extras = [f"/{_pair(stride)[0]}"] if _pair(stride) != (1, 1) else []
    return Step(name, _kind(layer), _describe(layer), shape, extras)


def _is_unit(layer):
    return hasattr(layer, "conv1") and hasattr(layer, "conv2") and bool(list(layer.children()))


def _children(layer, name):
    return [(f"{name}.{child}" if name else child, part) for child, part in layer.named_children()]


def _steps(layer, name, shapes):
    """The boxes for a layer: leaves, and residual units as one."""
    if id(layer) not in shapes:
        return []
    if name and _is_unit(layer):
        return [_unit(layer, name, shapes)]
    children = _children(layer, name)
    if not children:
        return [make_step(layer, name, shapes[id(layer)])]
    found = []
    for child, part in children:
        for step in _steps(part, child, shapes):
            add_step(found, step)
    return found


_SMALL = {"ReLU": "ReLU", "Flatten": "", "Identity": "", "Dropout": "dropout"}


def add_step(found, step):
    """Append a step; activations and batch norm are written below the box before them."""
    text = None
    if isinstance(step, Step) and step.kind == "other":
        text = "BN" if step.text.startswith("BatchNorm") else _SMALL.get(step.text)
    if text is not None and found and isinstance(found[-1], Step):
        found[-1].extras += [text] if text else []
        found[-1].shape = step.shape
    else:
        found.append(step)


def _unit(layer, name, shapes):
    shortcut, steps = None, []
    for child, part in _children(layer, name):
        parts = _steps(part, child, shapes)
        if child.rsplit(".", 1)[-1] in ("shortcut", "downsample"):
            shortcut = parts[0] if parts else None
        elif child.endswith(".bn3") and hasattr(layer, "shortcut"):
            if shortcut is not None:  # it belongs to the shortcut
                shortcut.extras.append("BN")
        else:
            for step in parts:
                add_step(steps, step)
    return Unit(name, steps, shortcut, getattr(layer, "use_residual", True))


def modules(model, shapes):
    """(heading, steps) for each direct child; leaves that follow one another share a row."""
    rows = []
    for name, layer in model.named_children():
        steps = _steps(layer, name, shapes)
        leaf = not list(layer.children())
        if leaf and rows and rows[-1][2]:
            for step in steps:
                add_step(rows[-1][1], step)
            rows[-1][0].append(name)
        elif steps:
            rows.append(([name], list(steps), leaf))
    return rows
