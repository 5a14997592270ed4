"""Taking part in training from outside: the protocol, early stopping, a live loss curve."""

import base64
import io
import math
import time

from .._arguments import integer
from ..display.once import in_notebook


class Callback:
    """What `RunnerV3` calls while it trains; inherit and define what you need.

    Any object with some of these methods will do. `runner` is the RunnerV3: its records, `model`,
    `optimizer`, `steps_done` and `epochs_done` can be read, and `runner.stop("why")` ends
    training after this step. A callback with `state_dict()` and `load_state_dict(state)` (numbers,
    text, lists, dicts, arrays) is saved with checkpoints.

    Examples
    --------
    >>> from nndl.runner.callbacks import Callback
    >>> class StopAt(Callback):
    ...     def on_step_end(self, runner, step, loss):
    ...         if loss < 0.01:
    ...             runner.stop("the loss is small enough")
    """

    def on_train_begin(self, runner):
        """Before the first step, also of a run that goes on."""

    def on_step_end(self, runner, step, loss):
        """After the optimiser's step number `step` (from 0)."""

    def on_evaluate(self, runner, step, score, loss):
        """After an evaluation on the dev set."""

    def on_epoch_end(self, runner, epoch, loss):
        """After epoch number `epoch` (from 0), with its mean training loss per sample."""

    def on_train_end(self, runner):
        """After the last step, or an interruption."""


class EarlyStopping(Callback):
    """Stop when the dev score has not improved for some evaluations.

    Parameters
    ----------
    patience : int
        Evaluations without improvement that are borne.
    min_delta : float, default 0
        A smaller gain of the monitored number is no improvement.

    Raises
    ------
    ValueError, TypeError
        A patience below 1, or none that can be counted.
    """

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = integer("patience", patience, 1), min_delta

    def on_evaluate(self, runner, step, score, loss):
        # Counted anew from the records: a run that goes on knows them, and no more is needed.
        best, waited = None, 0
        for value in runner.monitored_values():
            better = best is None or runner.better(value, best, self.min_delta)
            better = better and not math.isnan(value)
            best, waited = (value, 0) if better else (best, waited + 1)
        if waited >= self.patience:
            runner.stop(f"no better dev score in {waited} evaluations")


class LiveCurve(Callback):
    """Draw the losses while training runs, in one figure that is redrawn in place.

    Outside a notebook nothing is shown; `figure` holds the last drawing in any case.

    Parameters
    ----------
    seconds : float, default 2
        Least time between two drawings.
    """

    def __init__(self, seconds=2.0):
        self.seconds = seconds
        self.figure = None
        self._handle = None
        self._drawn = -math.inf

    def on_train_begin(self, runner):
        self._handle, self._drawn = None, -math.inf

    def on_step_end(self, runner, step, loss):
        if in_notebook() and time.monotonic() - self._drawn >= self.seconds:
            self._draw(runner)

    def on_train_end(self, runner):
        if runner.train_step_losses:
            self._draw(runner)

    def _draw(self, runner):
        from matplotlib.figure import Figure

        # A figure of its own, unknown to pyplot, is not drawn a second time at the cell's end.
        self.figure = Figure(figsize=(7, 3), layout="constrained")
        axes = self.figure.subplots()
        axes.plot(*zip(*runner.train_step_losses, strict=True), alpha=0.6, label="train (batch)")
        if runner.dev_losses:
            axes.plot(*zip(*runner.dev_losses, strict=True), marker="o", label="dev")
        axes.set(xlabel="step", ylabel="loss")
        axes.legend(loc="upper right")
        if in_notebook():
            from IPython.display import display

            image = io.BytesIO()
            self.figure.savefig(image, format="png", dpi=100)
            shown = {
                "image/png": base64.b64encode(image.getvalue()).decode(),
                "text/plain": "losses during training",
            }
            if self._handle is None:
                self._handle = display(shown, raw=True, display_id=True)
            else:
                self._handle.update(shown, raw=True)
        self._drawn = time.monotonic()


class VisualDL(Callback):
    """Write losses, scores and the learning rate for VisualDL, whose page draws them.

    Parameters
    ----------
    folder : str
        Of the log: `visualdl --logdir <folder>` shows it.
    """

    def __init__(self, folder):
        try:
            from visualdl import LogWriter
        except ImportError as error:
            raise ImportError(
                "VisualDL is not installed: pip install visualdl, or write the records with "
                "runner.save_records('records.csv')"
            ) from error
        self._writer = LogWriter(logdir=str(folder))

    def _write(self, step, **values):
        for name, value in values.items():
            self._writer.add_scalar(tag=name.replace("_", "/"), step=step, value=value)

    def on_step_end(self, runner, step, loss):
        self._write(step, train_loss=loss, train_lr=float(runner.optimizer.get_lr()))

    def on_evaluate(self, runner, step, score, loss):
        scores = {f"dev_{name}": values[-1] for name, values in runner.dev_metrics.items()}
        self._write(step, dev_loss=loss, **scores)

    def on_epoch_end(self, runner, epoch, loss):
        if runner.train_scores:
            self._write(runner.steps_done - 1, train_score=runner.train_scores[-1])
