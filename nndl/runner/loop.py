"""The training loop of RunnerV3: steps, evaluations, checkpoints, interruptions."""

import contextlib
import copy
import math
import os
import re
import signal
import threading
import traceback

import numpy as np
import paddle

from ..display.progress import Progress
from ..probe import train_mode
from .feed import Feed, inputs_and_labels, sample_count
from .saving import checkpoint as files
from .saving.resume import (
    check_optimizer,
    from_json,
    generator_states,
    optimizer_state,
    parameters_held,
    restore_generators,
    restore_optimizer,
    scheduler_of,
    to_json,
)


def in_words(value):
    """Type, shape and range of a tensor, in words for an error."""
    if not isinstance(value, paddle.Tensor):
        return f"of type {type(value).__name__}"
    kind = str(value.dtype).rpartition(".")[2]
    numbers = value.numpy() if kind.startswith(("int", "uint")) and value.size else None
    span = "" if numbers is None else f" from {numbers.min()} to {numbers.max()}"
    return f"{kind} {list(value.shape)}{span}"


def _of_paddle(error):
    """Whether Paddle refused its arguments, in a kernel or in Python."""
    place = traceback.extract_tb(error.__traceback__)[-1].filename
    return re.search(r"\(at .*paddle[/\\]|is not implemented for", str(error)) or (
        isinstance(error, ValueError | TypeError | AssertionError)
        and place.startswith(os.path.dirname(paddle.__file__))
    )


@contextlib.contextmanager
def explained(what, hint="", **values):
    """Name the tensors that Paddle could not work with; other errors pass."""
    try:
        yield
    except Exception as error:
        if not _of_paddle(error):
            raise
        parts = " and ".join(f"{name} {in_words(value)}" for name, value in values.items())
        # A message may begin with Paddle's call stack; the reason stands below it.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if "Error: " in line or line[0] == "("), lines[0])
        raise ValueError(f"{what} cannot work with what it got, {parts}: {reason}{hint}") from error


def scalar_loss(loss_fn, logits, y):
    """The loss of a batch as a tensor of one number."""
    hint = ". For classes: logits [B, K] and class ids 0…K − 1 of shape [B] or [B, 1]"
    with explained("loss_fn", hint, outputs=logits, y=y):
        loss = loss_fn(logits, y)
    if not isinstance(loss, paddle.Tensor) or loss.size != 1:
        got = list(loss.shape) if isinstance(loss, paddle.Tensor) else type(loss).__name__
        raise TypeError(
            f"loss_fn must return one number, the batch's mean loss, as a Tensor; got {got}"
        )
    if _pairs_all(loss_fn, logits, y):
        raise ValueError(
            f"loss_fn compares every output with the labels of all samples, as outputs "
            f"{list(logits.shape)} and y {list(y.shape)} are broadcast: give both one shape, e.g. "
            "loss_fn=lambda outputs, y: F.mse_loss(outputs, y.reshape(outputs.shape))"
        )
    return loss


def _pairs_all(loss_fn, logits, y):
    """Whether labels of another shape than the outputs' are compared with every output.

    Then the loss does not change when the labels change places.
    """
    if not (isinstance(logits, paddle.Tensor) and isinstance(y, paddle.Tensor)):
        return False
    floats = paddle.is_floating_point(logits) and paddle.is_floating_point(y)
    if not floats or logits.shape == y.shape or not logits.size == y.size > 1:
        return False
    values = paddle.linspace(0.1, 0.9, y.size)
    with paddle.no_grad():
        outputs = values.reshape(logits.shape).astype(logits.dtype)
        here, there = (
            loss_fn(outputs, labels.reshape(y.shape).astype(y.dtype)).item()
            for labels in (values, values.flip(0))
        )
    return math.isclose(here, there, rel_tol=1e-2)


def _not_finite(model):
    """Names of parameters and buffers that hold nan or infinity."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        numbers = tensor._is_initialized() and paddle.is_floating_point(tensor)
        if numbers and not paddle.isfinite(tensor).all().item():
            yield name


def outputs(model, X):
    """What the model makes of a batch."""
    with explained("the model", X=X):
        return model(X)


class StopButton:
    """Turns the first interrupt within the block into `pressed`; the second one interrupts."""

    pressed = False

    def __enter__(self):
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def _press(self, number, frame):
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True

    def __exit__(self, *_):
        if self._main:
            signal.signal(signal.SIGINT, self._before)


def mixed_precision(amp):
    """Whether to compute in half precision here.

    Raises
    ------
    ValueError
        Asked for, but there is no GPU.
    """
    if amp not in (True, False, "auto"):
        raise ValueError(f"amp must be True, False or 'auto', got {amp!r}")
    gpu = paddle.get_device().startswith("gpu")
    if amp is True and not gpu:
        raise ValueError(
            "amp=True needs a GPU, got the device cpu: amp='auto' uses it only where there is one"
        )
    return bool(amp) and gpu


def _kind(callback):
    """What tells a callback's state from that of another."""
    return f"{type(callback).__module__}.{type(callback).__qualname__}"


class Training:
    """One call of `RunnerV3.train`, its arguments checked.

    Parameters
    ----------
    runner : RunnerV3
    train_loader, dev_loader : iterable of (X, y)
    **options
        Those of `RunnerV3.train`, with `batches` (of an epoch), `best_path` and
        `checkpoint_path` (or None).
    """

    def __init__(self, runner, train_loader, dev_loader, **options):
        self.__dict__.update(options)
        self.runner, self.dev_loader = runner, dev_loader
        self.feed = Feed(train_loader, self.batches)
        self.scaler = paddle.amp.GradScaler() if mixed_precision(self.amp) else None
        self.scheduler = scheduler_of(runner.optimizer)
        self.on_plateau = isinstance(self.scheduler, paddle.optimizer.lr.ReduceOnPlateau)
        self.total = self.batches and self.num_epochs * self.batches
        self.last_checkpoint = None
        self.bar = Progress(self.total, 0, False)
        check_optimizer(runner.optimizer)
        self.check_trains()
        # Such as the -inf of an attention mask.
        self.constants = set(_not_finite(runner.model)) & dict(runner.model.named_buffers()).keys()
        # A deep copy, as evaluations between the batches of an epoch reset the metric.
        self.train_metric = copy.deepcopy(runner.scores) if self.train_scores else None
        if self.checkpoint_path:
            self.check_savable()

    def check_trains(self):
        """Refuse an optimizer that would not change the model; say what it leaves out."""
        held, loss_fn = parameters_held(self.runner.optimizer), self.runner.loss_fn
        wanted = dict(self.runner.model.named_parameters())
        if isinstance(loss_fn, paddle.nn.Layer):
            wanted |= {f"loss_fn.{name}": p for name, p in loss_fn.named_parameters()}
        wanted = {name: p for name, p in wanted.items() if not p.stop_gradient}
        if held is None or not wanted:
            return
        held = set(map(id, held))
        left_out = [name for name, p in wanted.items() if id(p) not in held]
        if len(left_out) == len(wanted):
            raise ValueError(
                "the optimizer holds no trainable parameter of the model, so nothing would be "
                "trained: was the model made anew since? Make the optimizer again, with "
                "parameters=model.parameters(), then the runner"
            )
        if left_out and self.runner._team.first:
            more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
            print(
                f"[Train] not in the optimizer, so not trained: {', '.join(left_out[:3])}{more}. "
                "If they should be, make the optimizer when the model is complete"
            )

    def check_savable(self):
        """Refuse, before anything is trained, what a checkpoint could not hold."""
        if not hasattr(self.runner.optimizer, "_accumulators"):
            raise TypeError(
                "a checkpoint needs an optimizer of paddle.optimizer, got "
                f"{type(self.runner.optimizer).__name__}"
            )
        to_json(optimizer_state(self.runner.optimizer)[1])
        self.position()
        for risk in self.feed.hidden.risks():
            print(
                f"[Train] the checkpoint cannot hold {risk} of train_loader, a Python generator: "
                "a run that goes on may see other batches. Give its owner state_dict() and "
                "load_state_dict(state), or draw from a numpy Generator"
            )

    def say(self, text):
        """A line of the training log."""
        if self.log_steps and self.runner._team.first:
            self.bar.print(text)

    def tell(self, event, *values):
        """Call the callbacks that have this method."""
        for callback in self.callbacks:
            method = getattr(callback, event, None)
            if method:
                method(self.runner, *values)

    def run(self):
        """Train to the end, an interruption or an error."""
        runner = self.runner
        enough = runner.epochs_done >= self.num_epochs
        if enough or (runner.state == "finished" and runner.stop_reason):
            runner.state = "finished"
            print(runner._why_not_again())
            return
        runner._save_path = self.best_path
        for path in (self.dev_loader is not None and self.best_path, self.checkpoint_path):
            if path and runner._team.first:
                files.check_writable(path)
        fresh = runner.state == "new"
        runner.state, runner.stop_reason = "failed", None  # unless it gets to an end
        with (
            Progress(self.total, runner.steps_done, self.progress) as self.bar,
            StopButton() as button,
            train_mode(runner.model),
        ):
            if self.checkpoint_path and fresh:
                self.keep_others(self.checkpoint_path)
                self.save_checkpoint()
            self.tell("on_train_begin")
            # Gradients of a step that failed, or of the user's, are none of this run's.
            runner.optimizer.clear_grad()
            for parameter in runner.model.parameters():
                parameter.clear_gradient(runner.steps_done > 0)
            try:
                while runner.state == "failed":
                    self.epoch(button)
            except KeyboardInterrupt:  # the second press, in the middle of a step
                self.bar.print(
                    "[Train] stopped at once, in the middle of a step. " + self.how_to_go_on()
                )
            finally:
                self.tell("on_train_end")
            if runner.state == "finished":
                self.say("[Train] Training done!")
            self.bar.finish(self.summary())

    def epoch(self, button):
        """The rest of an epoch, or as much of it as there is time for."""
        runner = self.runner
        taken = 0
        for batch in (batches := self.feed.epoch()):
            taken = self.feed.taken
            step = runner.steps_done
            self.step(step, *inputs_and_labels(batch, "train_loader", runner.unpack), button)
            ended = self.feed.at_the_end()
            if ended:
                if next(batches, None) is not None:
                    raise RuntimeError(f"train_loader has length {taken} but yields more batches")
                self.end_epoch()
            last = runner.epochs_done == self.num_epochs
            due = step and step % self.eval_steps == 0 if self.eval_steps else ended
            if self.dev_loader is not None:
                if due or last:
                    self.evaluate(step)
                if runner.stop_reason and runner.dev_losses[-1:] != [(step, self.dev_loss)]:
                    self.evaluate(step)
            if last or runner.stop_reason:
                runner.state = "finished"
            elif self.asked_to_stop or (button.pressed and runner._team.size == 1):
                runner.state = "interrupted"
            stopping = runner.state != "failed"
            if stopping:
                self.sound()
            if self.checkpoint_path and (
                stopping or runner.steps_done % self.checkpoint_steps == 0
            ):
                self.save_checkpoint()
            if stopping:
                runner._position = self.position()
                if runner.state == "interrupted":
                    self.bar.print(
                        f"[Train] interrupted after step {step} of {self.total or '?'}. "
                        + self.how_to_go_on()
                    )
                elif runner.stop_reason:
                    self.bar.print(f"[Train] stopped after step {step}: {runner.stop_reason}.")
                return
        if not taken or (self.batches and taken != self.batches):
            raise RuntimeError(
                f"train_loader has length {self.batches or 'unknown'} but ended after {taken} "
                "batches"
            )

    dev_loss = None
    asked_to_stop = False  # by any of several processes, all of which know since the last step

    def step(self, step, X, y, button):
        """Forward, backward, update, record."""
        runner = self.runner
        samples = sample_count(y, X) or 1
        with paddle.amp.auto_cast() if self.scaler else contextlib.nullcontext():
            logits = outputs(runner.model, X)
            loss = scalar_loss(runner.loss_fn, logits, y)
        if loss.stop_gradient:
            raise ValueError(
                "the loss leads back to no trainable parameter, so nothing would be trained: "
                "expected parameters with stop_gradient=False, a loss made of the outputs without "
                "detach() or numpy(), and train() outside of paddle.no_grad()"
            )
        if self.train_metric:
            with paddle.no_grad():
                self.train_metric.update(logits, y)
        loss, value, samples = self.over_processes(loss, samples, button)
        self.finite(value, step)
        with explained("the gradient of loss_fn or model", X=X, y=y):
            (self.scaler.scale(loss) if self.scaler else loss).backward()
        if self.log_steps and step % self.log_steps == 0:
            self.say(
                f"[Train] epoch: {runner.epochs_done}/{self.num_epochs}, "
                f"step: {step}/{self.total or '?'}, loss: {value:.5f}"
            )
        if self.custom_print_log:
            self.custom_print_log(runner)
        if self.scaler:
            self.scaler.step(runner.optimizer)
            self.scaler.update()
        else:
            runner.optimizer.step()
        runner.optimizer.clear_grad()
        if self.scheduler and self.scheduler_step == "step" and not self.on_plateau:
            self.scheduler.step()
        runner.train_step_losses.append((step, value))
        weight = samples if runner.loss_average == "sample" else 1
        runner._epoch_sums[0] += value * weight
        runner._epoch_sums[1] += weight
        runner.steps_done += 1
        self.bar.step(value)
        self.tell("on_step_end", step, value)

    def over_processes(self, loss, samples, button):
        """The loss to propagate, and value and samples of the batch over all processes."""
        team, value = self.runner._team, loss.item()
        if team.size == 1:
            return loss, value, samples
        total, count, pressed = team.sum(value * samples, samples, button.pressed)
        self.asked_to_stop = pressed > 0
        # The average of the processes' gradients is that of all samples if each counts by its own.
        return loss * (team.size * samples / count), total / count, int(count)

    def finite(self, loss, step):
        """Refuse a loss that is no number any more."""
        if not math.isfinite(loss):
            self.lost(f"the loss is {loss} at step {step}")

    def sound(self):
        """Refuse weights that are no numbers any more: Paddle's relu(nan) is 0 on a CPU, so the
        loss may not tell."""
        for name in _not_finite(self.runner.model):
            if name not in self.constants:
                self.lost(f"{name} holds nan or infinity after {self.runner.steps_done} steps")

    def lost(self, what):
        """Raise the error that says where training was lost."""
        kept = (
            f"The last good checkpoint is {self.checkpoint_path}, of step {self.last_checkpoint}"
            if self.last_checkpoint is not None
            else "There is no checkpoint"
        )
        raise RuntimeError(
            f"{what} (epoch {self.runner.epochs_done}), learning rate "
            f"{self.runner.optimizer.get_lr():g}; training stopped. {kept}. Use a smaller learning "
            "rate, clip gradients (grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0) of the "
            "optimizer), or look for such values in the data"
        )

    def end_epoch(self):
        """Record the epoch's loss."""
        self.sound()
        runner = self.runner
        total, samples = runner._epoch_sums
        runner.train_epoch_losses.append(total / samples)
        runner._epoch_sums = [0.0, 0]
        if self.train_metric:
            for metric in self.train_metric.metrics:
                runner._team.merge(metric)
            runner.train_scores.append(next(iter(self.train_metric.accumulate().values())))
            self.train_metric.reset()
        runner.epochs_done += 1
        if self.scheduler and self.scheduler_step == "epoch" and not self.on_plateau:
            self.scheduler.step()
        self.bar.epoch(
            f"[Train] epoch: {runner.epochs_done}/{self.num_epochs}, mean loss: "
            f"{runner.train_epoch_losses[-1]:.5f}"
        )
        self.tell("on_epoch_end", runner.epochs_done - 1, runner.train_epoch_losses[-1])

    def evaluate(self, step):
        """Evaluate on the dev set, record, save the model if it is the best so far."""
        self.sound()
        runner = self.runner
        score, loss = runner.evaluate(self.dev_loader, global_step=step)
        self.dev_loss = loss
        said = "" if score is None else f" dev score: {score:.5f},"
        self.say(f"[Evaluate] {said} dev loss: {loss:.5f}")
        self.finite(loss, step)
        name, value, before = runner.monitored(), runner.monitored_values()[-1], runner.best_score
        if not math.isnan(value) and (runner.best_step is None or runner.better(value, before)):
            runner.best_step, runner.best_score = step, value
            if self.best_path is not None:
                # What this run wrote is its own, in whatever form a subclass writes it.
                if runner.best_path is None:
                    self.keep_others(self.best_path)
                runner.save_model(self.best_path)
                runner.best_path = self.best_path
            what = "accuracy performance" if name == "accuracy" else f"dev {name}"
            self.say(f"[Evaluate] best {what} has been updated: {before:.5f} --> {value:.5f}")
        if self.on_plateau and self.scheduler_step:
            self.scheduler.step(loss if self.scheduler.mode == "min" else score)
        self.tell("on_evaluate", step, score, loss)

    def summary(self):
        """A line on what was done."""
        runner = self.runner
        parts = [f"{runner.epochs_done} epochs", f"{runner.steps_done} steps"]
        if runner.best_step is not None:
            parts.append(f"best dev {runner.monitored()} {runner.best_score:.3f}")
        if runner.state != "finished":
            parts.append(runner.state)
        return " · ".join(parts)

    def how_to_go_on(self):
        """What to type to continue."""
        how = getattr(
            self.runner, "resume_command", "train(..., resume=True) with the same arguments."
        )
        if self.runner.state != "failed":
            where = f"It is saved in {self.checkpoint_path}. " if self.checkpoint_path else ""
            return where + f"To go on: {how}"
        if self.last_checkpoint is not None:
            return f"To go on from step {self.last_checkpoint}, the last that was saved: {how}"
        return "There is no checkpoint to go on from: make model, optimizer and runner again."

    def keep_others(self, path):
        """Move a file of another run out of the way, and say so."""
        if not self.overwrite and self.runner._team.first:
            moved = files.set_aside(path, self.runner.run_id, files.network_of(self.runner.model))
            if moved:
                self.bar.print(moved)

    def position(self):
        """Everything but weights and moments that going on needs, as JSON can hold it."""
        runner = self.runner
        return {
            "kind": "checkpoint",
            "run_id": runner.run_id,
            "model": type(runner.model).__name__,
            "network": files.network_of(runner.model),
            "steps": runner.steps_done,
            "epochs": runner.epochs_done,
            "batches": self.batches,
            "state": "interrupted" if runner.state == "failed" else runner.state,
            "stop_reason": runner.stop_reason,
            "best_score": runner.best_score,
            "best_step": runner.best_step,
            "best_path": runner.best_path and str(runner.best_path),
            "epoch_sums": list(runner._epoch_sums),
            "train_epoch_losses": list(runner.train_epoch_losses),
            "dev_losses": to_json(runner.dev_losses),
            "dev_scores": list(runner.dev_scores),
            "dev_metrics": {name: list(values) for name, values in runner.dev_metrics.items()},
            "train_scores": list(runner.train_scores),
            "train_metric": self.train_metric
            and to_json(
                [
                    {k: v for k, v in vars(m).items() if not callable(v)}
                    for m in self.train_metric.metrics
                ]
            ),
            "generators": to_json(generator_states()),
            "feed": to_json(self.feed.state()),
            "scaler": to_json(self.scaler.state_dict()) if self.scaler else None,
            "callbacks": [
                [_kind(callback), to_json(callback.state_dict())]
                for callback in self.callbacks
                if hasattr(callback, "state_dict")
            ],
        }

    def restore_callbacks(self, states):
        """Give each callback the state of its kind, in order where there are several of one."""
        left = [callback for callback in self.callbacks if hasattr(callback, "load_state_dict")]
        for kind, state in states:
            callback = next((c for c in left if _kind(c) == kind), None)
            if callback is None:
                print(f"[Train] the run had a callback {kind}, which is missing now.")
                continue
            left.remove(callback)
            callback.load_state_dict(from_json(state))

    def save_checkpoint(self):
        """Write the whole run into its folder."""
        runner = self.runner
        runner._team.average_buffers(runner.model)
        self.sound()
        if not runner._team.first:
            self.last_checkpoint = runner.steps_done
            return
        moments, optimizer = optimizer_state(runner.optimizer)
        arrays = {f"model/{name}": a for name, a in files.model_arrays(runner.model).items()}
        arrays.update({f"optimizer/{name}": array for name, array in moments.items()})
        arrays["train_step_losses"] = np.array(runner.train_step_losses, float).reshape(-1, 2)
        record = {**self.position(), "optimizer": to_json(optimizer)}
        try:
            files.write_file(self.checkpoint_path, arrays, record)
        except RuntimeError as error:
            kept = (
                f"the checkpoint of step {self.last_checkpoint} is intact"
                if self.last_checkpoint is not None
                else "nothing was trained"
            )
            raise RuntimeError(f"training stopped, {kept}: {error}") from error
        self.last_checkpoint = runner.steps_done

    def resume(self):
        """Set runner, loader and generators to where the run was left."""
        runner = self.runner
        record = runner._position
        if self.checkpoint_path and self.checkpoint_path.exists():
            arrays, found = files.read_file(self.checkpoint_path)
            if found.get("kind") != "checkpoint":
                raise ValueError(
                    f"{self.checkpoint_path} is no checkpoint of a run; name another folder"
                )
            same = found["run_id"] == runner.run_id and found["steps"] == runner.steps_done
            if same and runner.state == "finished" and runner.epochs_done >= self.num_epochs:
                return
            self.check(found)
            self.restore_arrays(arrays, found)
            record = found
            self.last_checkpoint = found["steps"]
        elif runner.state == "new":
            print(
                "[Train] there is nothing to go on from"
                + (f" in {self.checkpoint_path.parent}" if self.checkpoint_path else "")
                + ": starting at the beginning."
            )
            return
        elif record is None:
            raise RuntimeError(
                "this runner cannot go on: "
                + (
                    "it ended with an error"
                    if runner.state == "failed"
                    else "other weights were loaded into its model since"
                )
                + ", and there is no checkpoint. Make model, optimizer and runner again, and train "
                "with checkpoint='runs/name' to be able to go on"
            )
        else:
            self.check(record)
        first = runner._team.from_first(runner.steps_done)
        if first != runner.steps_done:
            raise RuntimeError(
                f"{runner._team} would go on from step {runner.steps_done}, the first one from "
                f"step {first}: all have to see the same checkpoint, {self.checkpoint_path}; put "
                "it in a folder that the hosts share, or copy it to each of them"
            )
        restore_generators(from_json(record["generators"]))
        self.feed.restore(from_json(record["feed"]))
        if self.scaler and record["scaler"]:
            self.scaler.load_state_dict(from_json(record["scaler"]))
        if self.train_metric and record["train_metric"]:
            states = from_json(record["train_metric"])
            for metric, state in zip(self.train_metric.metrics, states, strict=True):
                vars(metric).update(state)
        self.restore_callbacks(record["callbacks"])
        if runner.epochs_done < self.num_epochs:
            print(f"[Train] going on with step {runner.steps_done} of {self.total or '?'}.")
            if runner.best_path and not runner.best_path.exists():
                print(f"[Train] the best model so far, {runner.best_path}, is gone.")

    def check(self, record):
        """Refuse a position that this call's loader does not fit."""
        if record["batches"] != self.batches:
            raise ValueError(
                f"the run to go on with had {record['batches']} batches an epoch, this "
                f"train_loader has {self.batches}; use the same data and batch size"
            )

    def rate(self):
        """The learning rate, where there is a schedule the one that it is built on."""
        rate = self.scheduler.base_lr if self.scheduler else self.runner.optimizer.get_lr()
        return float(rate)

    def restore_arrays(self, arrays, record):
        """Weights, moments and records from a checkpoint's file."""
        runner = self.runner
        part = {"model": {}, "optimizer": {}}
        for name, array in arrays.items():
            kind, _, rest = name.partition("/")
            if kind in part:
                part[kind][rest] = array
        files.load_weights(runner.model, part["model"], self.checkpoint_path)
        before = self.rate()
        restore_optimizer(runner.optimizer, part["optimizer"], from_json(record["optimizer"]))
        if self.rate() != before and runner._team.first:
            print(
                f"[Train] learning rate {self.rate():g} of the checkpoint, not {before:g}; a "
                "callback can change it in on_train_begin"
            )
        runner.run_id, runner.state = record["run_id"], record["state"]
        runner.stop_reason = record["stop_reason"]
        runner.steps_done, runner.epochs_done = record["steps"], record["epochs"]
        losses = arrays["train_step_losses"]
        runner.train_step_losses = [(int(step), float(loss)) for step, loss in losses]
        runner.train_epoch_losses = list(record["train_epoch_losses"])
        runner.dev_losses = from_json(record["dev_losses"])
        runner.dev_scores = list(record["dev_scores"])
        runner.dev_metrics = {name: list(v) for name, v in record["dev_metrics"].items()}
        runner.train_scores = list(record["train_scores"])
        runner.best_score, runner.best_step = record["best_score"], record["best_step"]
        runner.best_path = record["best_path"] and files.Path(record["best_path"])
        runner._epoch_sums = list(record["epoch_sums"])
        if runner.state != "new":
            runner._save_path = self.best_path
