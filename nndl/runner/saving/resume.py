"""What an interrupted run needs to go on bit for bit: optimiser, generators, loader position."""

import itertools
import random
import warnings

import numpy as np
import paddle


def to_json(value):
    """The value as JSON can hold it, exactly: tuples and arrays become tagged lists."""
    if isinstance(value, paddle.Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"dict": [[to_json(k), to_json(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [to_json(item) for item in value]}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"the state of a loader, scheduler or callback may hold numbers, text, lists, dicts and "
        f"arrays, got {type(value).__name__}"
    )


def from_json(value):
    """The inverse of `to_json`."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(value["array"], dtype=value["dtype"])
    if "tuple" in value:
        return tuple(from_json(item) for item in value["tuple"])
    return {from_json(k): from_json(v) for k, v in value["dict"]}


def generator_states():
    """States of Python's, NumPy's and Paddle's global generators."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 - the global one is what has to be kept
        "paddle": [
            (*numbers, bytes(engine).decode("latin-1"))
            for *numbers, engine in (state.__getstate__() for state in paddle.get_rng_state())
        ],
    }


def restore_generators(states, only_paddle=False):
    """Set the global generators to what `generator_states` returned."""
    present = paddle.get_rng_state()
    if len(present) != len(states["paddle"]):
        raise ValueError(
            f"the checkpoint holds {len(states['paddle'])} generator state(s) of Paddle, this "
            f"device has {len(present)}; resume on the kind of device that the run began on"
        )
    restored = []
    for state, (*numbers, engine) in zip(present, states["paddle"], strict=True):
        # Set on a new object: on the one that Paddle made, the engine would stay as it is.
        restored.append(type(state).__new__(type(state)))
        restored[-1].__setstate__((*numbers, list(engine.encode("latin-1"))))
    paddle.set_rng_state(restored)
    if not only_paddle:
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])  # noqa: NPY002


def scheduler_of(optimizer):
    """The optimiser's LRScheduler, or None."""
    rate = getattr(optimizer, "_learning_rate", None)
    return rate if isinstance(rate, paddle.optimizer.lr.LRScheduler) else None


def _parameters(optimizer):
    groups = optimizer._parameter_list
    if groups and isinstance(groups[0], dict):
        return list(itertools.chain.from_iterable(group["params"] for group in groups))
    return list(groups)


def optimizer_state(optimizer):
    """Moments, powers and learning rate of a Paddle optimiser.

    Paddle names a moment after its parameter, and parameters by a count over the whole process;
    here a moment is named by its parameter's place in the optimiser, the same in every process.

    Returns
    -------
    arrays : dict of str to ndarray
        `<moment>/<place of the parameter>`.
    rest : dict
        Class, learning rate, scheduler.
    """
    places = {p.name: i for i, p in enumerate(_parameters(optimizer))}
    arrays = {
        f"{moment}/{places[name]}": tensor.numpy()
        for moment, tensors in optimizer._accumulators.items()
        for name, tensor in tensors.items()
    }
    scheduler = scheduler_of(optimizer)
    return arrays, {
        "class": type(optimizer).__name__,
        "scheduler": scheduler and {"class": type(scheduler).__name__, **scheduler.state_dict()},
        "learning_rate": float(optimizer.get_lr()),
    }


def restore_optimizer(optimizer, arrays, rest):
    """Set an optimiser to what `optimizer_state` returned.

    Raises
    ------
    ValueError
        Another class of optimiser or scheduler, other moments or shapes.
    """
    scheduler = scheduler_of(optimizer)
    saved = dict(rest["scheduler"] or {})
    for what, then, now in (
        ("optimizer", rest["class"], type(optimizer).__name__),
        ("scheduler", saved.pop("class", None), scheduler and type(scheduler).__name__),
    ):
        if then != now:
            raise ValueError(f"the checkpoint was made with the {what} {then}, this run has {now}")
    parameters = _parameters(optimizer)
    chosen = sorted({int(name.rpartition("/")[2]) for name in arrays})
    if chosen and chosen[-1] >= len(parameters):
        raise ValueError(
            f"the checkpoint's optimizer had more parameters than this one's {len(parameters)}"
        )
    # Paddle makes the moments at the first step; make them now, to have where to copy to.
    optimizer._create_accumulators(
        paddle.base.framework.default_main_program().global_block(),
        [parameters[i] for i in chosen],
    )
    targets = {}
    for name, array in arrays.items():
        moment, _, place = name.rpartition("/")
        tensor = optimizer._accumulators.get(moment, {}).get(parameters[int(place)].name)
        if tensor is None or list(tensor.shape) != list(array.shape):
            raise ValueError(
                f"the checkpoint's moment {moment} of parameter {place} {list(array.shape)} does "
                "not fit this optimizer; build it with the arguments of the run to go on with"
            )
        targets[name] = tensor
    for name, tensor in targets.items():
        tensor.set_value(arrays[name])
    if scheduler:
        with warnings.catch_warnings():
            # LinearWarmup keeps another scheduler's state in its own, and Paddle warns of that.
            warnings.filterwarnings("ignore", message="There are some unused values in state_dict")
            scheduler.set_state_dict(saved)
    else:
        optimizer.set_lr(rest["learning_rate"])
