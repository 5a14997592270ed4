"""Metrics that count over a whole data set: accuracy and the confusion matrix."""

import numpy as np
import paddle


def _array(value):
    return value.numpy() if isinstance(value, paddle.Tensor) else np.asarray(value)


def _predicted_and_true(outputs, labels, threshold):
    """Class ids of one batch, both of shape [samples]; -1 where an output is not a number."""
    if isinstance(outputs, tuple | list) and isinstance(outputs[0], paddle.Tensor | np.ndarray):
        outputs = outputs[0]  # a recurrent model returns its outputs with its states
    outputs, labels = _array(outputs), _array(labels)
    if outputs.ndim < 2:
        raise ValueError(
            f"outputs must be [N, C] (or [N, 1] for two classes), got shape {list(outputs.shape)}; "
            "give the model's logits, not class ids"
        )
    if labels.shape != outputs.shape[:-1]:
        if labels.shape != (*outputs.shape[:-1], 1):
            raise ValueError(
                f"labels must be {list(outputs.shape[:-1])} or {[*outputs.shape[:-1], 1]} for "
                f"outputs of shape {list(outputs.shape)}, got {list(labels.shape)}; class ids are "
                "expected, not one-hot rows"
            )
        labels = labels[..., 0]
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.floor(labels)):
        raise ValueError("labels must be class ids 0, 1, 2, …, got fractions")
    num_classes = max(outputs.shape[-1], 2)
    labels = labels.astype(np.int64).ravel()
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"labels must lie in 0…{num_classes - 1} for outputs with {outputs.shape[-1]} "
            f"column(s), got {labels.min()}…{labels.max()}"
        )
    if outputs.shape[-1] == 1:
        scores = outputs.ravel()
        predicted = (scores >= threshold).astype(np.int64)
    else:
        rows = outputs.reshape(-1, outputs.shape[-1])
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

    Examples
    --------
    >>> import paddle
    >>> from nndl import Accuracy
    >>> metric = Accuracy()
    >>> metric.update(paddle.to_tensor([[2.0, 1.0], [0.5, 3.0]]), paddle.to_tensor([0, 0]))
    >>> float(metric.accumulate())
    0.5
    """

    def __init__(self, is_logist=True):
        super().__init__()
        self.is_logist = is_logist
        self.reset()

    def reset(self):
        """Forget every batch seen."""
        self.num_correct = 0
        self.num_count = 0

    def update(self, outputs, labels):
        """Count one batch.

        Parameters
        ----------
        outputs : Tensor [N, C] or [N, 1], or sequences [N, T, C]
            Logits or probabilities. A tuple or list counts its first element. An output that is
            not a number counts as wrong.
        labels : Tensor [N] or [N, 1], or [N, T]
            Class ids.

        Raises
        ------
        ValueError
            Shapes that do not fit, labels out of range.
        """
        predicted, true, _ = _predicted_and_true(outputs, labels, 0.0 if self.is_logist else 0.5)
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

    def __init__(self, num_classes, class_names=None):
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        names = list(map(str, range(num_classes) if class_names is None else class_names))
        if len(names) != num_classes:
            raise ValueError(f"expected {num_classes} class_names, got {len(names)}")
        self.num_classes, self.class_names = num_classes, names
        self.reset()

    def reset(self):
        """Forget every batch seen."""
        self.matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, logits, labels):
        """Count one batch.

        Parameters
        ----------
        logits : Tensor or ndarray [N, num_classes]; [N, 1] logits when there are two classes
        labels : Tensor or ndarray [N] or [N, 1], class ids

        Raises
        ------
        ValueError
            Shapes that do not fit, labels out of range, logits that are not a number.
        """
        predicted, true, num_classes = _predicted_and_true(logits, labels, 0.0)
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
            `class`, `samples`, `precision`, `recall`, `f1`. Where a class was never predicted
            (or never occurs) its precision (recall) is nan.
        """
        hits = np.diag(self.matrix).astype(float)
        samples, predicted = self.matrix.sum(axis=1), self.matrix.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision, recall = hits / predicted, hits / samples
            f1 = 2 * hits / (samples + predicted)
        columns = zip(self.class_names, samples, precision, recall, f1, strict=True)
        return [
            {
                "class": c,
                "samples": int(n),
                "precision": float(p),
                "recall": float(r),
                "f1": float(f),
            }
            for c, n, p, r, f in columns
        ]

    def name(self):
        """The name that reports print."""
        return "confusion matrix"
