"""Run a model on a given input size without leaving a trace in it."""

import contextlib
import random

import numpy as np
import paddle


class Caught(list):
    """What `watching` caught: the output of each run of a layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def last(self):
        """The first tensor of the last output.

        Raises
        ------
        ValueError
            The layer has not run, or gives no tensor.
        """
        if not self:
            raise ValueError(
                f"the model's forward pass never runs the layer {self.layer!r} (in evaluation "
                "mode): name one that it calls; a list of layers is not called itself"
            )
        output = first_tensor(self[-1])
        if output is None:
            raise ValueError(f"expected a tensor from the layer {self.layer!r}, got {self[-1]!r}")
        return output

    def maps(self, rank=4):
        """`last` as feature maps; ValueError where it has not so many axes."""
        output = self.last()
        if len(output.shape) != rank:
            raise ValueError(
                f"expected a layer with maps [B, P, M′, N′], {self.layer!r} gives "
                f"{list(output.shape)}: name a convolution, a pooling or a module of them with "
                "layer='...'"
            )
        return output


@contextlib.contextmanager
def watching(model, layer):
    """Catch a layer's outputs, in eval mode and without gradients in the model's parameters.

    What the model goes on with is a copy: an activation that works in place changes that one.

    Parameters
    ----------
    model : paddle.nn.Layer
        Afterwards its modes and `stop_gradient` flags are as before.
    layer : str or paddle.nn.Layer

    Yields
    ------
    Caught
        Grows by one at each run of the layer.
    """
    caught = Caught(layer)

    def catch(layer, _, output):
        caught.append(output)
        return _copy(output)

    handle = find_layer(model, layer).register_forward_post_hook(catch)
    flags = [(parameter, parameter.stop_gradient) for parameter in model.parameters()]
    for parameter, _ in flags:
        parameter.stop_gradient = True
    try:
        with eval_mode(model):
            yield caught
    finally:
        handle.remove()
        for parameter, flag in flags:
            parameter.stop_gradient = flag


def _copy(output):
    if isinstance(output, dict):
        return type(output)((key, _copy(part)) for key, part in output.items())
    if isinstance(output, (list, tuple)):
        parts = [_copy(part) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output.clone() if isinstance(output, paddle.Tensor) else output


def layer_output(model, layer, X):
    """What a layer inside a model puts out, caught by a hook.

    Parameters
    ----------
    model : paddle.nn.Layer
    layer : str or paddle.nn.Layer
        A name such as 'conv1' or 'module2.0.conv1', or the layer itself.
    X : Tensor [B, D, M, N] float32

    Returns
    -------
    Tensor
        Of the last time the layer ran, the first of several; not part of any graph of gradients.
    """
    with watching(model, layer) as caught, paddle.no_grad():
        model(X)
    return caught.last()


def first_tensor(output):
    """The first Tensor in a layer's output, which may be a tuple, a list or a dict of them."""
    if isinstance(output, (list, tuple, dict)):
        parts = output.values() if isinstance(output, dict) else output
        return next((t for t in map(first_tensor, parts) if t is not None), None)
    return output if hasattr(output, "stop_gradient") else None


def logits_of(output):
    """The logits [B, K] of a model that may return more: its entry 'logits', or the first tensor.

    Raises
    ------
    ValueError
        There is no such tensor.
    """
    found = output["logits"] if isinstance(output, dict) and "logits" in output else output
    logits = first_tensor(found)
    if logits is None or len(logits.shape) != 2:
        shape = "none" if logits is None else list(logits.shape)
        raise ValueError(f"expected a model whose (first) output is logits [B, K], got {shape}")
    return logits


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
    image_model = any(_takes_maps(layer) for layer in model.sublayers(include_self=True))
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


def _takes_maps(layer):
    """Whether a layer slides a window over two axes, by what defines it."""
    weight = getattr(layer, "weight", None)
    window = getattr(layer, "kernel_size", getattr(layer, "ksize", getattr(layer, "size", None)))
    pooling = isinstance(layer, _POOLINGS) or (window is not None and hasattr(layer, "mode"))
    return pooling or (weight is not None and len(weight.shape) == 4)


_POOLINGS = (
    *(paddle.nn.MaxPool2D, paddle.nn.AvgPool2D, paddle.nn.BatchNorm2D),
    *(paddle.nn.AdaptiveAvgPool2D, paddle.nn.AdaptiveMaxPool2D),
)


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
def _modes_kept(model):
    """Every layer gets its own mode back."""
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode


@contextlib.contextmanager
def eval_mode(model):
    """Evaluation mode within the block; every layer gets its own mode back."""
    with _modes_kept(model):
        model.eval()
        yield


@contextlib.contextmanager
def train_mode(model):
    """Training mode within the block; a model already in it keeps the layers that were frozen."""
    with _modes_kept(model):
        if not model.training:
            model.train()
        yield


def own_buffers(layer):
    """A layer's own buffers that hold numbers (the state of an LSTM's dropout holds none)."""
    return {
        name: buffer
        for name, buffer in layer._buffers.items()
        if buffer is not None and buffer._is_initialized()
    }


@contextlib.contextmanager
def running(model, inputs):
    """Whatever goes wrong inside is a ValueError that says on what inputs."""
    try:
        yield
    except Exception as error:
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        raise ValueError(
            f"{type(model).__name__} does not run on an input of shape {shapes} "
            f"({inputs[0].dtype}): {error}"
        ) from error


@contextlib.contextmanager
def untouched(model):
    """Evaluation mode inside; afterwards the model and the random generators are as before.

    Kept: training mode of each layer, buffers and statistics (names and values), hooks,
    attributes, and the states of Paddle's, NumPy's and Python's generators. Parameters and
    gradients are not written to, as long as the caller only runs the model forward.
    """
    layers = model.sublayers(include_self=True)
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
    attributes = [dict(vars(layer)) for layer in layers]
    tensors = [p for p in model.parameters() if not p.trainable]
    tensors += [buffer for layer in layers for buffer in own_buffers(layer).values()]
    state = {id(t): (t, t.clone()) for t in tensors}
    generators = paddle.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with eval_mode(model), paddle.no_grad():
            yield
    finally:
        for layer, before in zip(layers, attributes, strict=True):
            vars(layer).clear()
            vars(layer).update(before)
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
        first = first_tensor(y)
        shapes[id(layer)] = [] if first is None else list(first.shape)[1:]

    with untouched(model):
        for layer in model.sublayers(include_self=True):
            layer.register_forward_post_hook(note)
        model(*inputs)
    return shapes, order
