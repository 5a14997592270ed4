"""Several processes train one model: shares of a batch, sums over all, one that writes.

Gradients are averaged by `paddle.DataParallel`; here is what else has to agree between the
processes for the run to be the one that a single process would make.
"""

import inspect
import os
import subprocess
import sys

import numpy as np
import paddle
import paddle.distributed as dist

from ..dataset.loader import BatchLoader
from ..metric import Accuracy, ConfusionMatrix

#: what a metric counts, and what may therefore be added up over processes
_COUNTS = {Accuracy: ("num_correct", "num_count"), ConfusionMatrix: ("matrix",)}


class Team:
    """The processes that train together, seen from one of them; a single one by default.

    Parameters
    ----------
    rank : int
        Number of this process, from 0.
    size : int
        How many there are.

    Attributes
    ----------
    rank, size : int
    first : bool
        Whether this is the process that prints and writes files.
    """

    def __init__(self, rank=0, size=1):
        self.rank, self.size = rank, size

    @property
    def first(self):
        return self.rank == 0

    def __repr__(self):
        return f"process {self.rank} of {self.size}"

    def sum(self, *numbers):
        """The sums over all processes, the same in each; every process must call this.

        Parameters
        ----------
        *numbers : float

        Returns
        -------
        list of float
            As given where the process is alone.
        """
        if self.size == 1:
            return list(numbers)
        total = paddle.to_tensor(np.array(numbers, np.float64))
        dist.all_reduce(total)
        return total.numpy().tolist()

    def from_first(self, number):
        """The first process's whole number (below 2⁵³), in every process."""
        return int(self.sum(number if self.first else 0)[0])

    def merge(self, metric):
        """Add what the other processes have counted to a metric.

        Raises
        ------
        TypeError
            A metric that is no sum of counts over samples.
        """
        if self.size == 1:
            return
        names = next((n for kind, n in _COUNTS.items() if isinstance(metric, kind)), None)
        if names is None:
            raise TypeError(
                f"{type(metric).__name__} cannot be added up over processes: use nndl.Accuracy or "
                "nndl.ConfusionMatrix, or evaluate in a single process"
            )
        for name in names:
            count = np.asarray(getattr(metric, name))
            total = np.array(self.sum(*count.ravel())).reshape(count.shape).astype(np.int64)
            setattr(metric, name, total if total.ndim else int(total))

    def average_buffers(self, model):
        """Give every process the mean of all processes' buffers: BatchNorm's running statistics.

        Running means are linear in what they saw, so when this is done makes no difference.
        """
        if self.size == 1:
            return
        # Paddle keeps running statistics among the parameters, as ones that are not trained.
        state = model.state_dict().values()
        buffers = [t for t in state if t.stop_gradient and t.dtype == paddle.float32]
        if not buffers:
            return
        flat = paddle.concat([b.flatten() for b in buffers])
        dist.all_reduce(flat)
        parts = paddle.split(flat / self.size, [b.size for b in buffers])
        for buffer, part in zip(buffers, parts, strict=True):
            buffer.set_value(part.reshape(buffer.shape))


def launched():
    """Whether `paddle.distributed.launch` started this process beside others."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM") or 1) > 1


def join():
    """Meet the other processes of the job, where there are any.

    Returns
    -------
    Team
    """
    if not launched():
        return Team()
    dist.init_parallel_env()
    return Team(dist.get_rank(), dist.get_world_size())


def team_of(model):
    """The team that trains a model: all processes for a `paddle.DataParallel`, else this one."""
    if isinstance(model, paddle.DataParallel) and dist.is_initialized():
        return Team(dist.get_rank(), dist.get_world_size())
    return Team()


class LastWord:
    """Has something said if this process ends before the block does: killed, or aborted by gloo.

    When a process of a job dies, gloo aborts the others in the middle of their backward pass,
    where Python can say nothing any more; so a small process of its own waits for that.

    Parameters
    ----------
    text : str
        What it prints then.
    wanted : bool
        False does nothing.
    """

    _SCRIPT = """
import signal, sys
for name in (signal.SIGINT, signal.SIGTERM):  # they are for the process that is waited for
    signal.signal(name, signal.SIG_IGN)
if not sys.stdin.read():
    print(sys.argv[1], flush=True)
"""

    def __init__(self, text, wanted=True):
        self.text, self.wanted = text, wanted

    def __enter__(self):
        if self.wanted:
            command = [sys.executable, "-c", self._SCRIPT, self.text]
            self._waiting = subprocess.Popen(command, stdin=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        if self.wanted:
            self._waiting.communicate(b"the block has ended")


class SharedBatchLoader(BatchLoader):
    """This process's share of every batch of a `BatchLoader`.

    The processes' shares together are exactly the batch of a single process, in content, order of
    batches and augmentation, whatever their number: so each sample comes once an epoch, and a run
    can go on with another number of processes.

    Parameters
    ----------
    dataset, batch_size, **options
        As for `BatchLoader`; `batch_size` is that of all processes together.
    team : Team

    Raises
    ------
    ValueError
        A batch has fewer samples than there are processes.
    """

    def __init__(self, dataset, batch_size, team, **options):
        super().__init__(dataset, batch_size, **options)
        self.team = team
        rest = 0 if self.drop_last else len(dataset) % self.batch_size
        for what, count in (("batches", self.batch_size), ("the last batch", rest)):
            if 0 < count < team.size:
                raise ValueError(
                    f"{what} would have {count} samples for {team.size} processes, which is none "
                    "for some: choose another batch_size or fewer processes"
                )
        self._takes_rows = augment_takes_rows(self.augment)

    def batch(self, epoch, number):
        """This process's part of batch `number` of an epoch.

        Returns
        -------
        X : Tensor [b, D, M, N], float32
        y : Tensor [b], int64
            b is the batch's size divided by the number of processes, rounded up or down.
        """
        indices = self.indices(epoch, number)
        rows = np.arange(self.team.rank, len(indices), self.team.size)
        if self.augment is None:
            X, y = self._gather(indices[rows])
        else:
            # Chances are drawn for the whole batch: those of a sample do not depend on who has it.
            rng = np.random.default_rng([self.seed, epoch, number])
            if self._takes_rows:
                X, y = self._gather(indices[rows])
                X = self.augment(X, rng, rows=rows, batch=len(indices))
            else:
                X, y = self._gather(indices)
                X, y = self.augment(X, rng)[rows], y[rows]
        return paddle.to_tensor(X), paddle.to_tensor(y)


def augment_takes_rows(augment):
    """Whether an augmentation can vary some rows of a batch as it would in the whole batch."""
    return augment is not None and {"rows", "batch"} <= set(inspect.signature(augment).parameters)
