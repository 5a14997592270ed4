"""Going on is exact for all that Paddle ships and for what keeps a state of its own, or refused."""

import inspect
import random

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle.io import BatchSampler, DataLoader, DistributedBatchSampler, IterableDataset, Sampler

import nndl
from nndl import Accuracy, BatchLoader, RunnerV3
from nndl.metric import PrecisionRecallF1
from tests.conftest import needs_paddle
from tests.training_cases import Points, assert_same_run, assert_same_weights, batches, network

lr = paddle.optimizer.lr
SCHEDULERS = {
    "CosineAnnealingWarmRestarts": lambda: lr.CosineAnnealingWarmRestarts(0.1, T_0=3, T_mult=2),
    "NoamDecay": lambda: lr.NoamDecay(8, 4),
    "PiecewiseDecay": lambda: lr.PiecewiseDecay([3, 6], [0.1, 0.05, 0.01]),
    "NaturalExpDecay": lambda: lr.NaturalExpDecay(0.1, 0.1),
    "InverseTimeDecay": lambda: lr.InverseTimeDecay(0.1, 0.1),
    "PolynomialDecay": lambda: lr.PolynomialDecay(0.1, 3, cycle=True),
    "LinearWarmup": lambda: lr.LinearWarmup(
        lr.CosineAnnealingWarmRestarts(0.1, T_0=3), 2, 0.0, 0.1
    ),
    "ExponentialDecay": lambda: lr.ExponentialDecay(0.1, 0.9),
    "MultiStepDecay": lambda: lr.MultiStepDecay(0.1, [3, 6]),
    "StepDecay": lambda: lr.StepDecay(0.1, 3),
    "LambdaDecay": lambda: lr.LambdaDecay(0.1, lambda e: 0.9**e),
    "CosineAnnealingDecay": lambda: lr.CosineAnnealingDecay(0.1, 4),
    "MultiplicativeDecay": lambda: lr.MultiplicativeDecay(0.1, lambda e: 0.9),
    "OneCycleLR": lambda: lr.OneCycleLR(0.1, 12),
    "CyclicLR": lambda: lr.CyclicLR(0.01, 0.1, 3),
    "LinearLR": lambda: lr.LinearLR(0.1, 10),
    "ReduceOnPlateau": lambda: lr.ReduceOnPlateau(0.1, patience=0),
}
opt = paddle.optimizer
OPTIMIZERS = {
    name: lambda p, name=name: getattr(opt, name)(learning_rate=0.01, parameters=p)
    for name in (
        *("SGD", "Momentum", "Adam", "AdamW", "Adamax", "Adadelta", "RMSProp", "Lamb"),
        *("NAdam", "RAdam", "Rprop", "Adagrad"),
    )
}
OPTIMIZERS |= {
    "Adam, amsgrad": lambda p: opt.Adam(0.01, parameters=p, amsgrad=True),
    "Adam, lists": lambda p: opt.Adam(0.01, parameters=p, use_multi_tensor=True),
    "RMSProp, centered": lambda p: opt.RMSProp(0.01, centered=True, momentum=0.9, parameters=p),
    "ASGD": lambda p: opt.ASGD(learning_rate=0.01, batch_num=4, parameters=p),
    "Adam, groups": lambda p: opt.Adam(
        0.01, parameters=[{"params": p[:1], "learning_rate": 0.1}, {"params": p[1:]}]
    ),
    "LookAhead": lambda p: paddle.incubate.LookAhead(opt.SGD(0.01, parameters=p), alpha=0.2, k=3),
    "LookAhead, schedule": lambda p: paddle.incubate.LookAhead(
        opt.Adam(lr.StepDecay(0.01, 2), parameters=p), alpha=0.2, k=3
    ),
}


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def kinds(module, base):
    return {
        name
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind is not base
    }


def test_every_kind_of_this_paddle_is_tried():
    assert kinds(lr, lr.LRScheduler) == set(SCHEDULERS)
    tried = {name.partition(",")[0] for name in OPTIMIZERS}
    assert kinds(opt, opt.Optimizer) - tried == {"LBFGS"}  # which needs a closure, see below


class Stop:
    """Ends a run in the middle of a step, as a killed kernel would: the last checkpoint stands."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, runner, step, loss):
        if step == self.step:
            raise KeyboardInterrupt


def run(optimizer, loader, stop=None, folder=None, resume=False, metric=Accuracy, **options):
    nndl.seed_everything(1)
    loader, model = loader(), network()
    runner = RunnerV3(model, optimizer(model.parameters()), F.cross_entropy, metric())
    runner.train(
        loader, batches(32, seed=1), num_epochs=2, eval_steps=3, log_steps=0, checkpoint=folder,
        checkpoint_steps=1, resume=resume, callbacks=[Stop(stop)], progress=False, **options,
    )  # fmt: skip
    return runner


def assert_exact(optimizer, loader=batches, stop=6, **options):
    whole = run(optimizer, loader, **options)
    run(optimizer, loader, stop, "run", **options)
    parts = run(optimizer, loader, folder="run", resume=True, **options)
    assert_same_run(parts, whole)
    assert parts.optimizer.get_lr() == whole.optimizer.get_lr()
    return parts, whole


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name):
    assert_exact(lambda p: opt.SGD(SCHEDULERS[name](), parameters=p))


NEW = needs_paddle(3, 0, "it has no such optimizer")


every_optimizer = pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=NEW)
        if n in ("NAdam", "RAdam", "Rprop", "Adam, amsgrad", "ASGD")
        else n
        for n in OPTIMIZERS
    ],
)


@every_optimizer
def test_optimizers(name):
    assert_exact(OPTIMIZERS[name])


@every_optimizer
def test_the_same_runner_goes_back_to_before_the_first_step(name):
    """Nothing of the lost steps stays in the optimizer: its moments begin anew."""
    nndl.seed_everything(1)
    model = network()
    runner = RunnerV3(model, OPTIMIZERS[name](model.parameters()), F.cross_entropy, Accuracy())
    options = dict(num_epochs=2, eval_steps=3, log_steps=0, checkpoint="run", progress=False)
    runner.train(batches(), batches(32, seed=1), callbacks=[Stop(6)], **options)
    assert runner.state == "failed"
    runner.train(batches(), batches(32, seed=1), resume=True, **options)
    assert_same_run(runner, run(OPTIMIZERS[name], batches))


def sgd(parameters):
    return opt.SGD(0.1, parameters=parameters)


def test_what_cannot_be_saved_is_refused_before_the_first_step(tmp_path):
    class Odd(lr.LRScheduler):
        def __init__(self):
            self.table = iter([0.1, 0.2])
            super().__init__(0.1)

        def get_lr(self):
            return 0.1

    with pytest.raises(TypeError, match=r"cannot hold Odd\.table, a list_iterator"):
        run(lambda p: opt.SGD(Odd(), parameters=p), batches, folder="run")
    with pytest.raises(TypeError, match=r"LBFGS\.step needs a closure"):
        run(lambda p: opt.LBFGS(0.1, parameters=p), batches)
    assert list(tmp_path.rglob("*.nndl")) == []


class Own(Sampler):
    def __init__(self, data, rng):
        self.data, self.rng = data, rng

    def __iter__(self):
        order = list(range(len(self.data)))
        self.rng.shuffle(order)
        return iter(order)

    def __len__(self):
        return len(self.data)


class Noisy(Points):
    """A data set with a generator of its own, or in a transform."""

    def __init__(self, where):
        super().__init__(70)
        rng = np.random.default_rng(7)
        if where == "attribute":
            self.rng, self.change = rng, lambda X: X + self.rng.normal(0, 0.1, 12)
        elif where == "closure":
            self.change = lambda X: X + rng.normal(0, 0.1, 12)
        else:  # a transform that tells its state, by the documented protocol
            self.change = Growing()

    def __getitem__(self, i):
        return self.change(self.X[i]).astype("float32"), self.y[i]


class Growing:
    __slots__ = ("seen",)

    def __init__(self):
        self.seen = 0

    def __call__(self, X):
        self.seen += 1
        return X * (1 + self.seen / 100)

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


class Counting(Points):
    """Counts in a number and an array what was read."""

    def __init__(self):
        super().__init__(70)
        self.reads, self.often = 0, np.zeros(70, int)

    def __getitem__(self, i):
        self.reads += 1
        self.often[i] += 1
        return self.X[i] + np.float32(self.reads / 100 + self.often[i]), self.y[i]


class Stream(IterableDataset):
    def __init__(self):
        self.rng, self.data = random.Random(3), Points(70)

    def __iter__(self):
        for i in range(70):
            yield self.data.X[i] + np.float32(self.rng.random()), self.data.y[i]


class Line(IterableDataset):
    def __iter__(self):
        data = Points(70)
        return iter([data[i] for i in range(70)])


def sampled(rng):
    data = Points(70)
    return DataLoader(data, batch_sampler=BatchSampler(sampler=Own(data, rng), batch_size=16))


LOADERS = {
    "DistributedBatchSampler": lambda: DataLoader(
        Points(70),
        batch_sampler=DistributedBatchSampler(Points(70), batch_size=16, shuffle=True),
    ),
    "sampler, Generator": lambda: sampled(np.random.default_rng(5)),
    "sampler, RandomState": lambda: sampled(np.random.RandomState(5)),
    "sampler, Random": lambda: sampled(random.Random(5)),
    "counters": lambda: DataLoader(Counting(), batch_size=16),
    "counters, BatchLoader": lambda: BatchLoader(Counting(), 16, shuffle=True),
    "stream of unknown length": lambda: DataLoader(Stream(), batch_size=16),
    "stream, BatchLoader": lambda: BatchLoader(Line(), 16),
}
for where in ("attribute", "closure", "protocol"):
    LOADERS[f"data set, {where}"] = lambda w=where: DataLoader(
        Noisy(w), batch_size=16, shuffle=True
    )
    LOADERS[f"data set, {where}, BatchLoader"] = lambda w=where: BatchLoader(Noisy(w), 16)


@pytest.mark.parametrize("stop", [3, 5, 7])  # in the first epoch, at its end, in the second
@pytest.mark.parametrize("name", LOADERS)
def test_loaders(name, stop):
    assert_exact(sgd, LOADERS[name], stop)


@pytest.mark.parametrize("stop", [None, 0, 2, 4, 6])
def test_a_loader_that_others_iterate_over_keeps_its_place_in_training(stop):
    """One loader for training and evaluation in the middle of an epoch, and a look at a batch."""

    def go(stop=None, shared=True, **options):
        nndl.seed_everything(1)
        loader, dev = (BatchLoader(Points(70), 16, shuffle=True, seed=3) for _ in range(2))
        if shared:
            next(iter(loader))
        model = network()
        runner = RunnerV3(model, sgd(model.parameters()), F.cross_entropy)
        runner.train(
            loader, loader if shared else dev, num_epochs=3, eval_steps=2, log_steps=0,
            callbacks=[Stop(stop)], progress=False,
            custom_print_log=(lambda runner: next(iter(loader))) if shared else None, **options,
        )  # fmt: skip
        return runner

    alone, whole = go(shared=False), go()
    assert_same_weights(whole.model, alone.model)  # what others do is not seen in training
    assert whole.train_step_losses == alone.train_step_losses
    if stop is not None:
        go(stop, checkpoint="run", checkpoint_steps=1)
        assert_same_run(go(checkpoint="run", resume=True), whole)


def test_what_nobody_can_read_is_named(capsys):
    class Endless(Points):
        def __init__(self):
            super().__init__(70)
            self.noise = (x for x in np.random.default_rng(0).normal(size=999))

    run(sgd, lambda: DataLoader(Endless(), batch_size=16), folder="run")
    assert (
        "cannot hold dataset.noise of train_loader, a Python generator" in capsys.readouterr().out
    )


def test_a_lost_part_is_named():
    run(sgd, LOADERS["sampler, Generator"], 6, "run")
    with pytest.raises(ValueError, match=r"state of batch_sampler\.sampler\.rng of the loader"):
        run(sgd, lambda: DataLoader(Points(70), batch_size=16), folder="run", resume=True)


def test_training_scores_across_an_interruption():
    parts, whole = assert_exact(
        sgd, stop=7, metric=lambda: [PrecisionRecallF1(3), Accuracy()], train_scores=True
    )
    assert len(whole.train_scores) == 2
    assert parts.train_scores == whole.train_scores
    assert parts.dev_metrics == whole.dev_metrics
    assert list(whole.dev_metrics) == ["f1", "precision", "recall", "accuracy"]


def test_states_of_callbacks_go_to_their_own_kind(capsys):
    class A(Stop):
        def __init__(self, value, stop=None):
            super().__init__(stop)
            self.value = value

        def state_dict(self):
            return {"value": self.value}

        def load_state_dict(self, state):
            self.value = state["value"]

    class B(A):
        pass

    def go(callbacks, **options):
        nndl.seed_everything(1)
        model = network()
        runner = RunnerV3(model, sgd(model.parameters()), F.cross_entropy)
        runner.train(
            batches(), log_steps=0, checkpoint="run", checkpoint_steps=1, callbacks=callbacks,
            **options,
        )  # fmt: skip

    go([A(1), B(2), A(3, stop=2)])
    found = [B(0), Stop(None), A(0)]
    go(found, resume=True)
    assert [c.value for c in found if hasattr(c, "value")] == [2, 1]
    assert capsys.readouterr().out.count("which is missing now") == 1
