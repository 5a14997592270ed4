"""RunnerV3: train, evaluate, predict, save and load, and lose nothing on the way."""

import csv
import difflib
import inspect
import json
import math
import os
import uuid

import paddle

from .._arguments import integer, path_of
from ..metric import Scores
from ..probe import eval_mode
from .callbacks import EarlyStopping
from .distributed import team_of
from .feed import inputs_and_labels, loader_length, read, sample_count, tensors
from .loop import Training, outputs, scalar_loss
from .saving import checkpoint as files
from .saving.resume import scheduler_of

BEST = "best_model.pdparams"
CHECKPOINT = "checkpoint.nndl"


class RunnerV3:
    """Trains a model and keeps its records.

    Parameters
    ----------
    model : paddle.nn.Layer
        Called as `model(X)`; X may be a tuple or list of several inputs.
    optimizer : paddle.optimizer.Optimizer
        Its `grad_clip` clips gradients; an LRScheduler as learning rate is stepped by `train`.
    loss_fn : callable
        `loss_fn(model(X), y)` gives the mean loss of a batch, one number.
    metric : paddle.metric.Metric, function of logits and labels, or list of them, optional
        `nndl.Accuracy()` or alike. Of several numbers the first is the score. Without a metric
        evaluations give the loss alone.
    monitor : str, optional
        Name of the number that decides which model is the best, of the metric's names or 'loss';
        the score where there is one, else the dev loss.
    mode : 'auto', 'max' or 'min'
        Whether the larger or the smaller number is better; 'auto': the smaller of losses and of a
        metric with `higher_is_better = False`, else the larger. nan is never the best.
    unpack : callable, optional
        From what the loaders yield to (X, y), where that is no pair:
        `lambda batch: ((batch["image"], batch["mask"]), batch["label"])`.
    loss_average : 'sample' or 'batch'
        What `train_epoch_losses` and `dev_losses` are means of; the book's are of batches, in
        which a smaller last batch weighs as much as the others.
    **kwargs
        Kept as attributes of the runner, for callbacks and `custom_print_log`.

    Attributes
    ----------
    train_step_losses : list of (int, float)
        Step, counted from 0, and the loss of its batch before the update.
    train_epoch_losses : list of float
        Mean training loss of each epoch.
    train_scores : list of float
        Score of each epoch over its batches as they were trained on, where `train_scores=True`.
    dev_losses : list of (int, float)
        Step after which it was taken, mean dev loss.
    dev_scores : list of float
        The metric at the same steps.
    dev_metrics : dict of str to list of float
        Every number of the metric at the same steps.
    best_score, best_step : float, int or None
        Best value of the number that is monitored, and the step after which it was taken; 0 (or
        infinite where less is better) and None before the first.
    best_path : Path or None
        Where this run saved its best model.
    steps_done, epochs_done : int
    state : str
        'new', 'interrupted', 'failed' or 'finished'.
    run_id : str
        Names this run in every file that it writes.

    References
    ----------
    Qiu Xipeng, PaddlePaddle, 《神经网络与深度学习：案例与实践》, section 4.5 (RunnerV3).
    """

    def __init__(
        self,
        model,
        optimizer,
        loss_fn,
        metric=None,
        *,
        monitor=None,
        mode="auto",
        unpack=None,
        loss_average="sample",
        **kwargs,
    ):
        if not isinstance(model, paddle.nn.Layer):
            raise TypeError(f"model must be a paddle.nn.Layer, got {type(model).__name__}")
        if not callable(loss_fn):
            raise TypeError(
                f"loss_fn must be callable as loss_fn(logits, y), got {type(loss_fn).__name__}; "
                "for classes: paddle.nn.functional.cross_entropy"
            )
        for name, value, allowed in (
            ("mode", mode, ("auto", "max", "min")),
            ("loss_average", loss_average, ("sample", "batch")),
        ):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
        self.model, self.optimizer, self.loss_fn, self.metric = model, optimizer, loss_fn, metric
        self.monitor, self.mode = monitor, mode
        self.unpack, self.loss_average = unpack, loss_average
        if monitor not in (None, "loss", *(self.scores.names() if metric is not None else ())):
            names = self.scores.names() if metric is not None else []
            raise ValueError(f"monitor must be 'loss' or one of {names}, got {monitor!r}")
        self.train_step_losses, self.train_epoch_losses, self.train_scores = [], [], []
        self.dev_losses, self.dev_scores, self.dev_metrics = [], [], {}
        self.best_score, self.best_step = (math.inf if self._less_is_better() else 0.0), None
        self.best_path = None
        self.steps_done = self.epochs_done = 0
        self._team = team_of(model)  # the processes that train it: all those of a DataParallel
        self.run_id = f"{self._team.from_first(uuid.uuid4().int >> 80):012x}"
        self.state = "new"  # then "interrupted", "failed" or "finished"
        self.stop_reason = None
        self._epoch_sums = [0.0, 0]  # loss × samples and samples of the present epoch
        self._position = None  # what to go on from in memory
        self._save_path = None
        for name, value in kwargs.items():
            if hasattr(self, name):
                raise TypeError(f"RunnerV3 has an attribute {name!r} of its own; choose another")
            setattr(self, name, value)

    @property
    def scores(self):
        """The metric as `nndl.metric.Scores`, or None."""
        return None if self.metric is None else Scores(self.metric)

    def monitored(self):
        """Name of the number that decides which model is the best."""
        if self.monitor is not None:
            return self.monitor
        return "loss" if self.metric is None else self.scores.names()[0]

    def monitored_values(self):
        """The monitored number at every evaluation so far."""
        name = self.monitored()
        return [x for _, x in self.dev_losses] if name == "loss" else self.dev_metrics[name]

    def _less_is_better(self):
        if self.mode != "auto":
            return self.mode == "min"
        if self.monitor == "loss" or self.metric is None:
            return True
        return self.scores.less_is_better(self.monitor)

    def better(self, value, other, by=0.0):
        """Whether a monitored value is better than another, by more than `by`; nan never is."""
        return value < other - by if self._less_is_better() else value > other + by

    def train(
        self,
        train_loader,
        dev_loader=None,
        num_epochs=1,
        log_steps=100,
        eval_steps=0,
        save_path=BEST,
        custom_print_log=None,
        *,
        checkpoint=None,
        checkpoint_steps=100,
        resume=False,
        overwrite=False,
        scheduler_step="step",
        early_stopping=None,
        callbacks=(),
        amp=False,
        progress="auto",
        train_scores=False,
        **unknown,
    ):
        """Train for `num_epochs` epochs, evaluating on the way and at the end.

        Calling it again does not train on top of a finished or interrupted run: it says so, and
        returns. `resume=True` goes on, bit for bit as if nothing had happened (on a CPU).

        Parameters
        ----------
        train_loader, dev_loader : iterable of (X, y)
            `BatchLoader`, `paddle.io.DataLoader` (of an IterableDataset too), a list. Without
            dev_loader nothing is evaluated and no best model is saved.
        num_epochs : int, default 1
            Epochs of the whole run, those before a `resume` included.
        log_steps : int, default 100
            Print `[Train]` and `[Evaluate]` lines, the former every so many steps; 0 prints none.
        eval_steps : int or None, default 0
            Evaluate every so many steps; 0 or None at the end of each epoch. The last step is
            always evaluated.
        save_path : str, Path or None
            File of the best model; 'best_model.pdparams' lies in the folder `checkpoint` where
            there is one. A file there by another run is kept as `.bak`. None saves nothing.
        custom_print_log : callable, optional
            Called with the runner after the backward pass and before the update.
        checkpoint : str or Path, optional
            Folder to save the whole run in, every `checkpoint_steps` steps, at the end, and when
            it is interrupted.
        checkpoint_steps : int, default 100
        resume : bool, default False
            Go on: from the checkpoint where there is one, else from what this runner remembers,
            else from the beginning.
        overwrite : bool, default False
            Replace files of other runs instead of keeping them as `.bak`.
        scheduler_step : 'step', 'epoch' or None
            When an LRScheduler advances; None leaves it to you. ReduceOnPlateau gets the dev loss
            of every evaluation, with mode='max' the score.
        early_stopping : int, optional
            Stop after so many evaluations without a better score.
        callbacks : sequence
            See `nndl.runner.callbacks.Callback`.
        amp : bool or 'auto', default False
            Automatic mixed precision, on a GPU; 'auto' uses it where there is one.
        progress : 'auto', True or False
            See `nndl.display.progress.Progress`.
        train_scores : bool, default False
            Record the score of every epoch's training batches as `train_scores`.

        Raises
        ------
        TypeError, ValueError
            Arguments, batches or shapes that do not fit.
        RuntimeError
            The loss or a weight is no longer a number; a file cannot be written.
        """
        if unknown:
            known = inspect.signature(RunnerV3.train).parameters
            close = difflib.get_close_matches(next(iter(unknown)), known, 1)
            raise TypeError(
                f"train has no argument {', '.join(map(repr, unknown))}"
                + (f"; did you mean {close[0]}?" if close else "")
                + " (the book's RunnerV3 passes over it in silence)"
            )
        for name, value, least in (
            ("num_epochs", num_epochs, 1),
            ("checkpoint_steps", checkpoint_steps, 1),
            ("log_steps", log_steps or 0, 0),
            ("eval_steps", eval_steps or 0, 0),
        ):
            integer(name, value, least)
        if scheduler_step not in ("step", "epoch", None):
            raise ValueError(
                f"scheduler_step must be 'step', 'epoch' or None, got {scheduler_step!r}"
            )
        for name, value in (("save_path", save_path), ("checkpoint", checkpoint)):
            if not isinstance(value, str | os.PathLike | None):
                raise TypeError(f"{name} must be a path, got {value!r}")
        if not (custom_print_log is None or callable(custom_print_log)):
            raise TypeError(
                f"custom_print_log must be a function of the runner, got {custom_print_log!r}"
            )
        if not isinstance(callbacks, tuple | list):
            raise TypeError(f"callbacks must be a list or tuple of them, got {callbacks!r}")
        batches = loader_length("train_loader", train_loader)
        if dev_loader is not None:
            loader_length("dev_loader", dev_loader)
        elif eval_steps:
            raise ValueError(f"eval_steps={eval_steps} needs a dev_loader to evaluate on")
        if early_stopping is not None:
            callbacks = (*callbacks, EarlyStopping(integer("early_stopping", early_stopping, 1)))
        scheduler = scheduler_of(self.optimizer)
        plateau = scheduler_step and isinstance(scheduler, paddle.optimizer.lr.ReduceOnPlateau)
        if dev_loader is None and any(isinstance(c, EarlyStopping) for c in callbacks):
            raise ValueError("early stopping needs a dev_loader: it goes by the dev score")
        if dev_loader is None and plateau:
            raise ValueError(
                "ReduceOnPlateau needs a dev_loader: it goes by the dev loss. To step it yourself: "
                "scheduler_step=None"
            )
        if plateau and scheduler.mode == "max" and self.metric is None:
            raise ValueError(
                "ReduceOnPlateau(mode='max') needs a metric, whose score it gets: "
                "RunnerV3(..., nndl.Accuracy()), or mode='min' for the dev loss"
            )
        if train_scores and self.metric is None:
            raise ValueError("train_scores=True needs a metric: RunnerV3(..., nndl.Accuracy())")
        if self.state != "new" and not resume:
            print(self._why_not_again())
            return
        folder = path_of("." if checkpoint is None else checkpoint)
        training = Training(
            self,
            train_loader,
            dev_loader,
            batches=batches,
            num_epochs=num_epochs,
            log_steps=log_steps,
            eval_steps=eval_steps,
            best_path=None
            if save_path is None
            else folder / BEST
            if str(save_path) == BEST
            else path_of(save_path),
            custom_print_log=custom_print_log,
            checkpoint_path=None if checkpoint is None else folder / CHECKPOINT,
            checkpoint_steps=checkpoint_steps,
            overwrite=overwrite,
            scheduler_step=scheduler_step,
            callbacks=callbacks,
            amp=amp,
            progress=progress,
            train_scores=train_scores,
        )
        if resume:
            training.resume()
        training.run()

    def stop(self, reason="asked to"):
        """End training after the present step, which is evaluated and saved; for callbacks."""
        self.stop_reason = reason

    def _why_not_again(self):
        """What to tell someone who calls `train` on a runner that has trained."""
        done = f"{self.epochs_done} epochs ({self.steps_done} steps)"
        if self.state == "finished":
            early = f" and was stopped ({self.stop_reason})" if self.stop_reason else ""
            longer = (
                ""
                if early
                else (" To train longer: train(..., resume=True) with a larger num_epochs.")
            )
            return (
                f"[Train] This run has already trained {done}{early}; nothing was trained now."
                f"{longer} To begin anew: make model, optimizer and runner again (run their "
                "cells), then train."
            )
        what = "was interrupted" if self.state == "interrupted" else "ended with an error"
        return (
            f"[Train] This run {what} after {done}; nothing was trained now. To go on: "
            "train(..., resume=True)"
            + (", which starts from its checkpoint" if self.state == "failed" else "")
            + ". To begin anew: make model, optimizer and runner again, then train."
        )

    @paddle.no_grad()
    def evaluate(self, loader, global_step=-1):
        """Score and mean loss per sample over a whole loader, in eval mode, without gradients.

        Parameters
        ----------
        loader : iterable of (X, y)
        global_step : int, default -1
            From 0 upwards the result is added to `dev_losses` and `dev_scores`.

        Returns
        -------
        score : float or None
            The metric over every sample once, its first number; None without a metric.
        loss : float

        Raises
        ------
        ValueError
            An empty loader; outputs that the metric cannot count.
        TypeError
            A loader that yields something else than (X, y).
        """
        scores = self.scores
        if scores:
            scores.reset()
        self._team.average_buffers(self.model)
        total, weight = 0.0, 0
        with eval_mode(self.model):
            for batch in read(loader):
                X, y = inputs_and_labels(batch, "the loader", self.unpack)
                logits = outputs(self.model, X)
                count = sample_count(y, X) if self.loss_average == "sample" else 1
                total += float(scalar_loss(self.loss_fn, logits, y).item()) * count
                weight += count
                if scores:
                    scores.update(logits, y)
        total, weight = self._team.sum(total, weight)
        if not weight:
            raise ValueError(
                "expected at least one sample, got none from the loader: is its data empty?"
            )
        loss, found = total / weight, {}
        if scores:
            for metric in scores.metrics:
                self._team.merge(metric)
            found = scores.accumulate()
        score = next(iter(found.values()), None)
        if global_step >= 0:
            self.dev_losses.append((global_step, loss))
            for name, value in found.items():
                self.dev_metrics.setdefault(name, []).append(value)
            if found:
                self.dev_scores.append(score)
        return score, loss

    @paddle.no_grad()
    def predict(self, x):
        """The model's output for one batch, in eval mode, without gradients.

        Parameters
        ----------
        x : Tensor or ndarray [B, ...], or a tuple or list of them

        Returns
        -------
        Tensor
            Logits [B, K] for a classifier.
        """
        with eval_mode(self.model):
            return outputs(self.model, tensors(x))

    def records(self):
        """Everything recorded, one row a step.

        Returns
        -------
        list of dict
            `step`, `train_loss`, and where they were taken after this step `dev_loss` and
            `dev_<name>` of every number of the metric.
        """
        rows = {step: {"step": step, "train_loss": x} for step, x in self.train_step_losses}
        for number, (step, loss) in enumerate(self.dev_losses):
            row = rows.setdefault(step, {"step": step})
            row["dev_loss"] = loss
            for name, values in self.dev_metrics.items():
                row[f"dev_{name}"] = values[number]
        return [rows[step] for step in sorted(rows)]

    def save_records(self, path):
        """Write `records()` as a table, .csv or .json (nan as null) by the path's ending."""
        path, rows = path_of(path), self.records()
        kind = path.suffix.lower()
        if kind not in (".csv", ".json"):
            raise ValueError(f"records are written as .csv or .json, got {str(path)!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            if kind == ".json":  # which has no nan
                rows = [{k: v if math.isfinite(v) else None for k, v in r.items()} for r in rows]
                json.dump(rows, file, indent=1, allow_nan=False)
            else:
                names = list(dict.fromkeys(name for row in rows for name in row))
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(rows)

    def save_model(self, save_path):
        """Write the model's parameters and buffers, atomically, with this run's id.

        `paddle.load` and `paddle.Model.load` read the file, and `load_model`, which checks its
        sum. A name that ends in `.safetensors` gives that format. A file there is replaced.

        Raises
        ------
        RuntimeError
            The file cannot be written; the one there before is untouched.
        """
        if not self._team.first:
            return
        record = {
            "kind": "model",
            "run_id": self.run_id,
            "model": type(self.model).__name__,
            "network": files.network_of(self.model),
            "steps": self.steps_done,
        }
        files.write_file(path_of(save_path), files.model_arrays(self.model), record)

    def load_model(self, model_path=None, strict=True):
        """Load weights that `save_model`, Paddle or safetensors wrote.

        Parameters
        ----------
        model_path : str or Path, optional
            This run's best model when left out, under `.bak` where another run took its name.
        strict : bool, default True
            False loads the arrays that fit, leaves the others as they are, and returns them.

        Returns
        -------
        list of str or None
            With strict=False every mismatch, in words.

        Raises
        ------
        FileNotFoundError
        ValueError
            A damaged file, or one of another network: every mismatch is named.
        RuntimeError
            This run has no best model, and the file under its name is of another run.
        """
        if model_path is None and self._save_path is None:
            raise ValueError("this runner has not trained: name the file to load")
        path = path_of(self._save_path if model_path is None else model_path)
        own = self._save_path is not None and path.resolve() == self._save_path.resolve()
        hint = (
            f"this run (id {self.run_id}) has saved no best model: it evaluated nothing, or was "
            "stopped before its first evaluation. Train with a dev_loader, or keep the present "
            "weights with save_model(path)"
        )
        if own and not path.exists():
            raise FileNotFoundError(f"there is no file {path}: {hint}")
        arrays, record = files.read_file(path)
        if own and self.best_path and record.get("run_id", self.run_id) != self.run_id:
            hint = "this run's best model was there and has been replaced"
            if kept := files.kept_of(path, self.run_id):
                print(f"{path} is of another run now: loading this run's, kept as {kept.name}.")
                path = kept
                arrays, record = files.read_file(path)
        if record.get("kind") == "checkpoint":
            arrays = {
                name.removeprefix("model/"): array
                for name, array in arrays.items()
                if name.startswith("model/")
            }
        foreign = record.get("run_id") != self.run_id and (record or self.best_path is None)
        if own and foreign:  # a subclass may write files without a record
            raise RuntimeError(
                f"{path} is of {'run ' + record['run_id'] if record else 'an unknown run'}, not of "
                f"this one: {hint}. To load it all the same, use a new RunnerV3 or copy the file"
            )
        wrong = files.load_weights(self.model, arrays, path, strict)
        self._position = None  # these are no longer the weights that training would go on from
        return None if strict else wrong
