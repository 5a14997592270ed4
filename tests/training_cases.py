"""Small data and models for the tests of training."""

import numpy as np
import paddle
import paddle.nn.functional as F

import nndl
from nndl import Accuracy, RunnerV3


class Points:
    """A data set of points in 12 dimensions; the class is the largest of the first three."""

    def __init__(self, size, seed=0):
        rng = np.random.default_rng(seed)
        self.X = rng.normal(size=(size, 12)).astype("float32")
        self.y = self.X[:, :3].argmax(axis=1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


def batches(size=70, batch=16, seed=0):
    """A list of batches of tensors; the last is smaller."""
    data = Points(size, seed)
    cuts = [slice(i, i + batch) for i in range(0, size, batch)]
    return [(paddle.to_tensor(data.X[c]), paddle.to_tensor(data.y[c])) for c in cuts]


def network(dropout=0.0):
    return paddle.nn.Sequential(
        paddle.nn.Linear(12, 8),
        paddle.nn.ReLU(),
        paddle.nn.Dropout(dropout),
        paddle.nn.Linear(8, 3),
    )


def make_runner(seed=3, rate=0.1, optimizer="SGD", dropout=0.0, **options):
    nndl.seed_everything(seed)
    model = network(dropout)
    optimizer = getattr(paddle.optimizer, optimizer)(
        learning_rate=rate, parameters=model.parameters(), **options
    )
    return RunnerV3(model, optimizer, F.cross_entropy, Accuracy())


def weights(model):
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def assert_same_weights(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name in a:
        assert np.array_equal(a[name], b[name]), name


RECORDS = ("train_step_losses", "train_epoch_losses", "dev_losses", "dev_scores", "best_score")


def assert_same_run(a, b):
    assert_same_weights(a.model, b.model)
    for name in RECORDS:
        assert getattr(a, name) == getattr(b, name), name
