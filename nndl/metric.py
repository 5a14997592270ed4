"""Metrics over a whole data set, and what makes any metric usable by the runner."""

import math

import numpy as np
import paddle

from ._arguments import as_array, integer


def _class_axis(outputs, labels, axis):
    """Outputs with their classes along the last axis, and labels of the shape of the others."""
    if outputs.ndim < 2:
        raise ValueError(
            f"outputs must be [B, K] (or [B, 1] for two classes), got shape {list(outputs.shape)}; "
            "give the model's logits, not class ids"
        )
    fitting, hot = [], []
    for candidate in (-1, 1) if outputs.ndim > 2 else (-1,):
        if axis is not None and candidate % outputs.ndim != axis % outputs.ndim:
            continue
        rest = tuple(np.delete(outputs.shape, candidate).tolist())
        kept = (rest[0], 1, *rest[1:]) if candidate == 1 else (*rest, 1)
        if labels.shape in (rest, (*rest, 1), kept):
            fitting.append(candidate)
        elif labels.shape == outputs.shape and _one_hot(labels, candidate):
            hot.append(candidate)
    # [B, 1, N] with as many labels: N ids of a mask, or N scores whose labels are one-hot?
    unclear = outputs.ndim == 3 and fitting == [1] and hot == [-1]
    if unclear or (len(fitting or hot) == 2 and outputs.ndim > 3):  # sequences are [B, T, K]
        raise ValueError(
            f"outputs {list(outputs.shape)} may hold their classes along axis 1 or -1: say which, "
            "e.g. Accuracy(axis=1) for images [B, K, M, N]"
        )
    if fitting:
        outputs = np.moveaxis(outputs, fitting[0], -1)
        return outputs, labels.reshape(outputs.shape[:-1])
    if hot:
        return np.moveaxis(outputs, hot[0], -1), labels.argmax(axis=hot[0])
    if labels.shape == outputs.shape:
        raise ValueError(
            f"labels must be class ids or one-hot rows, got {list(labels.shape)} with other "
            "values; of soft labels take y.argmax(-1)"
        )
    wanted = np.delete(outputs.shape, -1 if axis is None else axis).tolist()
    raise ValueError(
        f"labels must be {wanted} or {[*wanted, 1]} for outputs of shape {list(outputs.shape)}, "
        f"got {list(labels.shape)}; class ids or one-hot rows are expected"
    )


def _one_hot(labels, axis):
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=axis) == 1).all())


def _predicted_and_true(outputs, labels, threshold, ignore_index=-100, axis=None):
    """Class ids of one batch, both [samples], and their number; -1 where an output is nan."""
    if isinstance(outputs, tuple | list) and isinstance(outputs[0], paddle.Tensor | np.ndarray):
        outputs = outputs[0]  # a recurrent model returns its outputs with its states
    outputs, labels = _class_axis(as_array(outputs), as_array(labels), axis)
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.floor(labels)):
        raise ValueError("labels must be class ids 0, 1, 2, …, got fractions")
    num_classes = max(outputs.shape[-1], 2)
    rows, labels = outputs.reshape(-1, outputs.shape[-1]), labels.astype(np.int64).ravel()
    counted = labels != ignore_index
    rows, labels = rows[counted], labels[counted]
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"labels must lie in 0…{num_classes - 1} for outputs with {outputs.shape[-1]} "
            f"column(s), got {labels.min()}…{labels.max()}; a label that means 'not to be "
            f"counted' is named by ignore_index={labels.max() if labels.min() >= 0 else -1}"
        )
    if rows.shape[-1] == 1:
        scores = rows.ravel()
        if threshold and ((scores < 0) | (scores > 1)).any():
            raise ValueError(
                f"is_logist=False expects probabilities from 0 to 1, got {np.nanmin(scores):g} to "
                f"{np.nanmax(scores):g}: for logits write Accuracy(), or take a sigmoid first"
            )
        predicted = (scores >= threshold).astype(np.int64)
    else:
        predicted = rows.argmax(axis=1)
        scores = rows[np.arange(len(rows)), predicted]  # argmax returns a nan where there is one
    predicted[np.isnan(scores)] = -1
    return predicted, labels, num_classes


class Accuracy(paddle.metric.Metric):
    """Share of samples whose largest output is the labelled class.

    Parameters
    ----------
    is_logist : bool, default True
        Only for outputs of one column: True for logits (class 1 from 0 upwards), False for
        probabilities (class 1 from 0.5 upwards).
    ignore_index : int, default -100
        A label that is not counted, as in `paddle.nn.functional.cross_entropy`.
    axis : int, optional
        Axis of the classes; found out where only one fits the labels' shape.

    Examples
    --------
    >>> import paddle
    >>> from nndl import Accuracy
    >>> metric = Accuracy()
    >>> metric.update(paddle.to_tensor([[2.0, 1.0], [0.5, 3.0]]), paddle.to_tensor([0, 0]))
    >>> float(metric.accumulate())
    0.5
    """

    def __init__(self, is_logist=True, ignore_index=-100, axis=None):
        super().__init__()
        self.is_logist, self.ignore_index, self.axis = is_logist, ignore_index, axis
        self.reset()

    def reset(self):
        """Forget every batch seen."""
        self.num_correct = 0
        self.num_count = 0

    def update(self, outputs, labels):
        """Count one batch.

        Parameters
        ----------
        outputs : Tensor [B, K] or [B, 1], sequences [B, T, K], or images [B, K, M, N]
            Logits or probabilities, half precision too. A tuple or list counts its first element.
            An output that is not a number counts as wrong.
        labels : Tensor [B] or [B, 1], [B, T], or [B, M, N] or [B, 1, M, N]
            Class ids, or one-hot rows of the shape of the outputs.

        Raises
        ------
        ValueError
            Shapes that do not fit, labels out of range, probabilities that are none.
        """
        threshold = 0.0 if self.is_logist else 0.5
        predicted, true, _ = _predicted_and_true(
            outputs, labels, threshold, self.ignore_index, self.axis
        )
        self.num_correct += int((predicted == true).sum())
        self.num_count += len(true)

    def accumulate(self):
        """Correct / counted, over all batches since `reset`; 0 before the first."""
        return self.num_correct / self.num_count if self.num_count else 0.0

    def name(self):
        """The name that reports print."""
        return "accuracy"


class ConfusionMatrix(paddle.metric.Metric):
    """How often each true class (row) was taken for each class (column).

    Parameters
    ----------
    num_classes : int
    class_names : sequence of str, optional
        Names for `per_class`; the class ids otherwise.
    ignore_index, axis
        As for `Accuracy`.

    Attributes
    ----------
    matrix : ndarray [num_classes, num_classes], int64
        Rows are true classes, columns predicted ones; the sum is the number of samples.

    Examples
    --------
    >>> from nndl import ConfusionMatrix
    >>> confusion = ConfusionMatrix(2, ["cat", "dog"])
    >>> confusion.update([[2.0, 1.0], [0.5, 3.0], [1.0, 0.0]], [0, 1, 1])
    >>> confusion.matrix.tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(self, num_classes, class_names=None, ignore_index=-100, axis=None):
        super().__init__()
        self.num_classes = integer("num_classes", num_classes, 2)
        names = list(map(str, range(num_classes) if class_names is None else class_names))
        if len(names) != num_classes:
            raise ValueError(f"expected {num_classes} class_names, got {len(names)}")
        self.class_names, self.ignore_index, self.axis = names, ignore_index, axis
        self.reset()

    def reset(self):
        """Forget every batch seen."""
        self.matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, logits, labels):
        """Count one batch.

        Parameters
        ----------
        logits, labels
            As for `Accuracy`; [B, 1] logits when there are two classes.

        Raises
        ------
        ValueError
            Shapes that do not fit, labels out of range, logits that are not a number.
        """
        predicted, true, num_classes = _predicted_and_true(
            logits, labels, 0.0, self.ignore_index, self.axis
        )
        if num_classes != self.num_classes:
            raise ValueError(
                f"expected logits of {self.num_classes} classes, got {num_classes}; "
                "make ConfusionMatrix with the model's number of classes"
            )
        if (predicted < 0).any():
            raise ValueError("logits hold nan, which belongs to no class; did training diverge?")
        np.add.at(self.matrix, (true, predicted), 1)

    def accumulate(self):
        """Overall accuracy: the diagonal's share; 0 before the first batch."""
        total = self.matrix.sum()
        return float(np.trace(self.matrix) / total) if total else 0.0

    def per_class(self):
        """Precision, recall and F1 of every class.

        Returns
        -------
        list of dict
            `class`, `samples`, `precision`, `recall`, `f1`. Recall and F1 are nan where the class
            never occurs, precision where it was never predicted.
        """
        hits = np.diag(self.matrix).astype(float)
        samples, predicted = self.matrix.sum(axis=1), self.matrix.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision, recall = hits / predicted, hits / samples
            f1 = np.where(samples, 2 * hits / (samples + predicted), np.nan)
        return [
            dict(zip(("class", "samples", "precision", "recall", "f1"), values, strict=True))
            for values in zip(
                self.class_names, *map(np.ndarray.tolist, (samples, precision, recall, f1)),
                strict=True,
            )
        ]  # fmt: skip

    def name(self):
        """The name that reports print."""
        return "confusion matrix"


class PrecisionRecallF1(ConfusionMatrix):
    """F1, precision and recall over the classes that occur, as one metric of three numbers.

    Parameters
    ----------
    num_classes : int
    average : 'macro' or int
        The mean over the classes that occur in the labels (one that was never predicted has
        precision 0 in it), or the numbers of this class alone.
    **options
        Those of `ConfusionMatrix`.

    Examples
    --------
    >>> from nndl.metric import PrecisionRecallF1
    >>> metric = PrecisionRecallF1(2, average=1)
    >>> metric.update([[2.0, 1.0], [0.5, 3.0], [0.0, 1.0], [0.0, 1.0]], [1, 1, 1, 0])
    >>> dict(zip(metric.name(), metric.accumulate()))
    {'f1': 0.6666666666666666, 'precision': 0.6666666666666666, 'recall': 0.6666666666666666}
    """

    def __init__(self, num_classes, average="macro", **options):
        super().__init__(num_classes, **options)
        if average != "macro" and integer("average", average, 0) >= num_classes:
            raise ValueError(f"average must be 'macro' or a class below {num_classes}")
        self.average = average

    def accumulate(self):
        """F1, precision and recall; nan before the first sample."""
        rows = self.per_class()
        rows = (
            [r for r in rows if r["samples"]] if self.average == "macro" else [rows[self.average]]
        )
        values = np.array([[r[name] for name in self.name()] for r in rows]).reshape(-1, 3)
        values[:, 1] = np.nan_to_num(values[:, 1])
        return values.mean(axis=0).tolist() if len(values) else [math.nan] * 3

    def name(self):
        """Names of the three numbers."""
        return ["f1", "precision", "recall"]


class _Mean:
    """A function of logits and labels as a metric: its mean over samples."""

    def __init__(self, function):
        self.function = function
        self.reset()

    def reset(self):
        self.total, self.count = 0.0, 0

    def update(self, logits, labels):
        value = as_array(self.function(logits, labels))
        if value.size != 1:
            raise TypeError(
                f"a function as metric must give one number for a batch, got shape "
                f"{list(value.shape)}; take its mean"
            )
        count = len(labels) if getattr(labels, "ndim", 0) else 1
        self.total += float(value.item()) * count
        self.count += count

    def accumulate(self):
        return self.total / self.count if self.count else math.nan

    def name(self):
        return getattr(self.function, "__name__", "score").strip("<>")


class Scores:
    """Any metrics as the runner uses them: a name for every number.

    Parameters
    ----------
    metric : object, function or list of them
        With `reset`, `update` and `accumulate` (all of `paddle.metric`), or a function of logits
        and labels that gives the mean of a batch.

    Raises
    ------
    TypeError
        Something else.
    """

    def __init__(self, metric):
        self.metrics = [
            self._usable(m) for m in (metric if isinstance(metric, tuple | list) else [metric])
        ]

    @staticmethod
    def _usable(metric):
        if isinstance(metric, type):
            raise TypeError(f"metric must be an object, got the class: write {metric.__name__}()")
        if all(callable(getattr(metric, m, None)) for m in ("reset", "update", "accumulate")):
            return metric
        if callable(metric):
            return _Mean(metric)
        raise TypeError(
            f"metric must have reset, update and accumulate, like nndl.Accuracy(), or be a "
            f"function of logits and labels, got {type(metric).__name__}"
        )

    def reset(self):
        for metric in self.metrics:
            metric.reset()

    def update(self, logits, labels):
        """Count one batch, as Paddle does: `update(*compute(logits, labels))`."""
        for metric in self.metrics:
            values = logits, labels
            try:
                if callable(getattr(metric, "compute", None)):
                    values = metric.compute(logits, labels)
                metric.update(*(values if isinstance(values, tuple | list) else [values]))
            except Exception as error:
                if not (type(metric).__module__.startswith("paddle.") or type(metric) is _Mean):
                    raise
                lines = str(error).strip().splitlines() or [type(error).__name__]
                reason = next((line for line in lines if "Error: " in line), lines[-1])
                raise ValueError(
                    f"{Scores(metric).names()[0]} cannot count outputs of shape "
                    f"{list(np.shape(logits))} with labels {list(np.shape(labels))}: {reason}. "
                    "For classes: nndl.Accuracy(), nndl.metric.PrecisionRecallF1(num_classes)"
                ) from error

    def names(self):
        """A name for every number, in order; two of the same name are numbered."""
        found = []
        for metric in self.metrics:
            name = getattr(metric, "name", type(metric).__name__)
            name = name() if callable(name) else name
            for one in name if isinstance(name, tuple | list) else [name]:
                taken = sum(n == one or n.startswith(f"{one} (") for n in found)
                found.append(f"{one} ({taken + 1})" if taken else one)
        return found

    def accumulate(self):
        """Every number under its name.

        Raises
        ------
        TypeError
            A metric gives another number of values than it has names.
        """
        parts = [as_array(metric.accumulate()).astype(float).ravel() for metric in self.metrics]
        names, values = self.names(), np.concatenate(parts).tolist()
        if len(names) != len(values):
            raise TypeError(
                f"a metric gives {len(values)} numbers and names {len(names)} ({names}): let its "
                "name() return a list of as many names"
            )
        return dict(zip(names, values, strict=True))

    def less_is_better(self, name=None):
        """Whether the metric of that name (the first one) says `higher_is_better = False`."""
        chosen = [m for m in self.metrics if name in Scores(m).names()] or self.metrics
        chosen = [getattr(m, "function", m) for m in chosen]
        return getattr(chosen[0], "higher_is_better", True) is False
