"""Run a model on a given input size without leaving a trace in it."""

import contextlib
import random

import numpy as np
import paddle


@contextlib.contextmanager
def watching(model, layer):
    """Catch a layer's outputs, in eval mode and without gradients in the model's parameters.

    Parameters
    ----------
    model : paddle.nn.Layer
        Afterwards its modes and `stop_gradient` flags are as before.
    layer : str or paddle.nn.Layer

    Yields
    ------
    list of Tensor
        Grows by one at each run of the layer.
    """
    caught = []
    handle = find_layer(model, layer).register_forward_post_hook(
        lambda _, __, output: caught.append(output)
    )
    modes = [(sublayer, sublayer.training) for sublayer in model.sublayers(include_self=True)]
    flags = [(parameter, parameter.stop_gradient) for parameter in model.parameters()]
    model.eval()
    for parameter, _ in flags:
        parameter.stop_gradient = True
    try:
        yield caught
    finally:
        handle.remove()
        for sublayer, training in modes:
            sublayer.training = training
        for parameter, flag in flags:
            parameter.stop_gradient = flag


def layer_output(model, layer, X):
    """What a layer inside a model puts out, caught by a hook.

    Parameters
    ----------
    model : paddle.nn.Layer
    layer : str or paddle.nn.Layer
        A name such as 'conv1' or 'module2.0.conv1', or the layer itself.
    X : Tensor [N, C, M, N'] float32

    Returns
    -------
    Tensor
        Of the last time the layer ran; not part of any graph of gradients.
    """
    import paddle

    with watching(model, layer) as caught, paddle.no_grad():
        model(X)
    if not caught:
        raise ValueError(f"the model's forward pass never runs the layer {layer!r}")
    return caught[-1]


def first_tensor(output):
    """The first Tensor in a layer's output, which may be a tuple, a list or a dict of them."""
    if isinstance(output, (list, tuple, dict)):
        parts = output.values() if isinstance(output, dict) else output
        return next((t for t in map(first_tensor, parts) if t is not None), None)
    return output if hasattr(output, "stop_gradient") else None


def find_layer(model, layer):
    """A layer of a model by name; a layer itself is returned as it is."""
    if not isinstance(layer, str):
        return layer
    named = dict(model.named_sublayers())
    if layer not in named:
        raise ValueError(f"no layer {layer!r} in the model; it has {', '.join(named)}")
    return named[layer]


def make_inputs(model, input_size, dtype="float32", owner="summary"):
    """Zeros of the given shape or shapes, checked at the door.

    Parameters
    ----------
    model : paddle.nn.Layer
        Its 2-D layers decide whether three numbers are an image without a batch axis.
    input_size : tuple of int, or list of such tuples
    dtype : str or list of str
    owner : str
        The function that the reader called, for messages.

    Returns
    -------
    list of Tensor
    """
    if not isinstance(model, paddle.nn.Layer):
        hint = "; create the model first: model()" if isinstance(model, type) else ""
        raise TypeError(f"{owner} expects a model (a paddle.nn.Layer), got {model!r}{hint}")
    if not paddle.in_dynamic_mode():
        raise RuntimeError(f"{owner} works in dynamic mode: call paddle.disable_static() first")
    several = isinstance(input_size, (list, tuple)) and any(
        isinstance(part, (list, tuple)) for part in input_size
    )
    sizes = list(input_size) if several else [input_size]
    dtypes = [dtype] * len(sizes) if isinstance(dtype, str) else list(dtype)
    if len(dtypes) != len(sizes):
        raise ValueError(f"{owner} got {len(dtypes)} dtypes for {len(sizes)} inputs")
    image_model = any(
        type(layer).__name__.endswith("2D") for layer in model.sublayers(include_self=True)
    )
    inputs = []
    for size, kind in zip(sizes, dtypes, strict=True):
        shape = _check_size(size, owner)
        if len(shape) == 3 and image_model:
            shape = [1, *shape]
        try:
            inputs.append(paddle.zeros(shape, dtype=kind))
        except (TypeError, ValueError, RuntimeError):
            raise ValueError(
                f"{owner} expects a dtype such as 'float32' or 'int64', got {kind!r}"
            ) from None
    return inputs


def _check_size(size, owner):
    expected = f"{owner} expects input_size as a tuple of positive integers such as (1, 1, 32, 32)"
    if not isinstance(size, (list, tuple)) or not size:
        raise ValueError(f"{expected}, got {size!r}")
    shape = [1 if i == 0 and part in (None, -1) else part for i, part in enumerate(size)]
    for part in shape:
        if isinstance(part, bool) or not hasattr(part, "__index__") or part < 1:
            raise ValueError(f"{expected}, got {size!r}")
    return [int(part) for part in shape]


@contextlib.contextmanager
def untouched(model):
    """Evaluation mode inside; afterwards the model and the random generators are as before.

    Kept: training mode of each layer, buffers and statistics (names and values), hooks,
    attributes, and the states of Paddle's, NumPy's and Python's generators. Parameters and
    gradients are not written to, as long as the caller only runs the model forward.
    """
    layers = model.sublayers(include_self=True)
    modes = [layer.training for layer in layers]
    registries = [
        registry
        for layer in layers
        for registry in (
            layer._buffers,
            layer._non_persistable_buffer_names_set,
            layer._forward_pre_hooks,
            layer._forward_post_hooks,
        )
    ]
    contents = [registry.copy() for registry in registries]
    attributes = [set(vars(layer)) for layer in layers]
    state = {
        id(t): (t, t.clone())
        for t in [*model.buffers(), *(p for p in model.parameters() if not p.trainable)]
    }
    generators = paddle.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    model.eval()
    try:
        with paddle.no_grad():
            yield
    finally:
        for layer, mode, names in zip(layers, modes, attributes, strict=True):
            layer.training = mode
            for name in set(vars(layer)) - names:
                del vars(layer)[name]
        for registry, content in zip(registries, contents, strict=True):
            registry.clear()
            registry.update(content)
        with paddle.no_grad():
            for tensor, before in state.values():
                if tensor.shape != before.shape or not bool((tensor == before).all()):
                    paddle.assign(before, output=tensor)
        paddle.set_rng_state(generators[0])
        np.random.set_state(generators[1])  # noqa: NPY002
        random.setstate(generators[2])


def run_shapes(model, inputs):
    """Run once: id of every layer → output shape without the batch axis, in order of execution."""
    shapes, order = {}, []

    def note(layer, x, y):
        if id(layer) not in shapes:
            order.append(layer)
        first = y[0] if isinstance(y, (list, tuple)) else y
        shapes[id(layer)] = list(first.shape)[1:]

    with untouched(model):
        for layer in model.sublayers(include_self=True):
            layer.register_forward_post_hook(note)
        model(*inputs)
    return shapes, order


@contextlib.contextmanager
def eval_mode(model):
    """Evaluation mode within the block; every layer gets its own mode back."""
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    model.eval()
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode


@contextlib.contextmanager
def train_mode(model):
    """Training mode within the block; a model already in it keeps the layers that were frozen."""
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    if not model.training:
        model.train()
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
