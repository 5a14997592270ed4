"""What an interrupted run needs to go on bit for bit: optimiser, generators, loader position."""

import inspect
import itertools
import random

import numpy as np
import paddle

from ... import _paddle

_MASTER = "master weight"  # full precision beside half-precision parameters


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
        "the state of a loader, scheduler, metric or callback may hold numbers, text, lists, "
        f"dicts and arrays, got {type(value).__name__}"
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
        "paddle": [_paddle.generator_state(state) for state in paddle.get_rng_state()],
    }


def restore_generators(states, only_paddle=False):
    """Set the global generators to what `generator_states` returned."""
    present = paddle.get_rng_state()
    if len(present) != len(states["paddle"]):
        raise ValueError(
            f"the checkpoint holds {len(states['paddle'])} generator state(s) of Paddle, this "
            f"device has {len(present)}; resume on the kind of device that the run began on"
        )
    paddle.set_rng_state([_paddle.generator(n, engine) for *n, engine in states["paddle"]])
    if not only_paddle:
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])  # noqa: NPY002


def scheduler_of(optimizer):
    """The optimiser's LRScheduler, or None; that of the inner one where it wraps another."""
    for part in _chain(optimizer):
        rate = getattr(part, "_learning_rate", None)
        if isinstance(rate, paddle.optimizer.lr.LRScheduler):
            return rate
    return None


def _chain(optimizer):
    """An optimiser and those that it wraps, the innermost first."""
    inner = [
        v for v in vars(optimizer).values() if isinstance(v, paddle.optimizer.Optimizer)
    ] if hasattr(optimizer, "__dict__") else []  # fmt: skip
    return [part for one in inner for part in _chain(one)] + [optimizer]


def check_optimizer(optimizer):
    """Refuse what the training loop cannot step.

    Raises
    ------
    TypeError
    """
    try:
        needed = inspect.signature(optimizer.step).parameters.values()
    except (AttributeError, TypeError, ValueError):
        return
    if any(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in needed):
        raise TypeError(
            f"{type(optimizer).__name__}.step needs a closure that computes the loss again, which "
            "RunnerV3 does not give: use SGD, Momentum, Adam or another of paddle.optimizer"
        )


def scheduler_state(scheduler):
    """Every attribute of a scheduler, those of a scheduler inside it too.

    Paddle's own `state_dict` leaves some out (CosineAnnealingWarmRestarts' place in its period).

    Raises
    ------
    TypeError
        An attribute that cannot be saved is named.
    """
    state = {"class": type(scheduler).__name__}
    for name, value in vars(scheduler).items():
        if isinstance(value, paddle.optimizer.lr.LRScheduler):
            state[name] = {"scheduler": scheduler_state(value)}
        elif not callable(value):
            try:
                state[name] = {"value": to_json(value)}
            except TypeError:
                raise TypeError(
                    f"a checkpoint cannot hold {type(scheduler).__name__}.{name}, a "
                    f"{type(value).__name__}: keep it in numbers, lists, dicts or arrays, or train "
                    "without checkpoint="
                ) from None
    return state


def restore_scheduler(scheduler, state):
    """Set a scheduler to what `scheduler_state` returned."""
    for name, value in state.items():
        if name == "class":
            continue
        if "scheduler" in value:
            restore_scheduler(getattr(scheduler, name), value["scheduler"])
        else:
            setattr(scheduler, name, from_json(value["value"]))


def _parameters(optimizer):
    groups = optimizer._parameter_list
    if groups and isinstance(groups[0], dict):
        return list(itertools.chain.from_iterable(group["params"] for group in groups))
    return list(groups)


def parameters_held(optimizer):
    """What an optimiser and those that it wraps update; None where one of them does not tell."""
    chain = _chain(optimizer)
    if any(getattr(part, "_parameter_list", None) is None for part in chain):
        return None
    return [p for part in chain for p in _parameters(part)]


def _counters(optimizer):
    """Numbers and one-element tensors that an optimiser counts in."""
    return {
        name: to_json(value)
        for name, value in vars(optimizer).items()
        if (isinstance(value, paddle.Tensor) and value.size == 1)
        or (type(value) in (int, float) and name not in ("_learning_rate", "_fuse_buffer_version"))
    }


def optimizer_state(optimizer):
    """Moments, powers and learning rate of a Paddle optimiser, and of those that it wraps.

    Paddle names a moment after its parameter, and parameters by a count over the whole process;
    here a moment is named by its parameter's place in the optimiser, the same in every process.

    Returns
    -------
    arrays : dict of str to ndarray
        `<number of the optimiser>:<moment>/<place of the parameter>`.
    rest : dict
        Classes, counters, learning rate, scheduler.
    """
    arrays, counters = {}, []
    for number, part in enumerate(_chain(optimizer)):
        places = {p.name: i for i, p in enumerate(_parameters(part))}
        kept = {**part._accumulators, _MASTER: getattr(part, "_master_weights", {})}
        for moment, tensors in kept.items():
            for name, tensor in tensors.items():
                arrays[f"{number}:{moment}/{places[name]}"] = tensor.numpy()
        counters.append(_counters(part))
    scheduler = scheduler_of(optimizer)
    return arrays, {
        "class": [type(part).__name__ for part in _chain(optimizer)],
        "counters": counters,
        "scheduler": scheduler and scheduler_state(scheduler),
        "learning_rate": float(_chain(optimizer)[0].get_lr()),
    }


def restore_optimizer(optimizer, arrays, rest):
    """Set an optimiser to what `optimizer_state` returned.

    Raises
    ------
    ValueError
        Another class of optimiser or scheduler, other moments or shapes.
    """
    scheduler, chain = scheduler_of(optimizer), _chain(optimizer)
    for what, then, now in (
        ("optimizer", rest["class"], [type(part).__name__ for part in chain]),
        ("scheduler", [(rest["scheduler"] or {}).get("class")],
         [scheduler and type(scheduler).__name__]),
    ):  # fmt: skip
        if then != now:
            then, now = (" in ".join(map(str, names)) for names in (then, now))
            raise ValueError(f"the checkpoint was made with the {what} {then}, this run has {now}")
    targets = {}
    for number, part in enumerate(chain):
        own = {n.partition(":")[2]: a for n, a in arrays.items() if n.startswith(f"{number}:")}
        parameters = _parameters(part)
        chosen = sorted({int(name.rpartition("/")[2]) for name in own})
        if chosen and chosen[-1] >= len(parameters):
            raise ValueError(
                f"the checkpoint's optimizer had more parameters than this one's {len(parameters)}"
            )
        # Moments of later steps than the checkpoint's: forgotten, Paddle begins them anew.
        made = [v for n, v in vars(part).items() if n.startswith("_already_create_accumulat")]
        for name in {p.name for i, p in enumerate(parameters) if i not in chosen}:
            for tensors in (*part._accumulators.values(), getattr(part, "_master_weights", {})):
                tensors.pop(name, None)
            for names in made:
                names.discard(name)
        for name, value in vars(part).items():  # lists of moments, where use_multi_tensor=True
            if isinstance(value, dict) and {"FP32_DenseTensor", "FP32_LODTensor"} & value.keys():
                setattr(part, name, {k: v and [[] for _ in v] for k, v in value.items()})
        # Paddle makes the moments at the first step; make them now, to have where to copy to.
        if getattr(part, "helper", 0) is None:  # Paddle 2.6 asks for what the first step makes
            part.helper = paddle.base.layer_helper.LayerHelper(type(part).__name__)
        part._create_accumulators(
            paddle.base.framework.default_main_program().global_block(),
            [parameters[i] for i in chosen],
        )
        kept = {**part._accumulators, _MASTER: getattr(part, "_master_weights", {})}
        for name, array in own.items():
            moment, _, place = name.rpartition("/")
            tensor = kept.get(moment, {}).get(parameters[int(place)].name)
            if tensor is None or list(tensor.shape) != list(array.shape):
                raise ValueError(
                    f"the checkpoint's moment {moment} of parameter {place} {list(array.shape)} "
                    "does not fit this optimizer; build it with the arguments of the run to go on "
                    "with"
                )
            targets[number, name] = tensor, array
    for tensor, array in targets.values():
        tensor.set_value(array)
    for part, counters in zip(chain, rest["counters"], strict=True):
        begun = dict.fromkeys(n for n, v in _counters(part).items() if isinstance(v, dict))
        for name, value in {**begun, **counters}.items():
            value = from_json(value)
            tensor = isinstance(value, np.ndarray)
            setattr(part, name, paddle.to_tensor(value) if tensor else value)
    if scheduler:
        restore_scheduler(scheduler, rest["scheduler"])
    else:
        chain[0].set_lr(rest["learning_rate"])
