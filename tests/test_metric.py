"""Accuracy and confusion matrix against counting by hand."""

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndl import Accuracy, ConfusionMatrix


def accuracy(outputs, labels, **options):
    metric = Accuracy(**options)
    metric.update(paddle.to_tensor(outputs), paddle.to_tensor(labels))
    return metric.accumulate()


def test_accuracy_counts_over_unequal_batches():
    metric = Accuracy()
    metric.update(
        paddle.to_tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0]]), paddle.to_tensor([0, 1, 1])
    )
    metric.update(paddle.to_tensor([[1.0, 5.0]]), paddle.to_tensor([1]))
    assert metric.accumulate() == 3 / 4  # the mean of batch means would be 5/6
    metric.reset()
    assert metric.accumulate() == 0
    assert metric.name() == "accuracy"


@pytest.mark.parametrize("labels", [[1, 0, 1], [[1], [0], [1]]])
def test_binary_outputs_and_both_label_shapes(labels):
    assert accuracy([[0.2], [-3.0], [-0.1]], labels) == pytest.approx(2 / 3)
    assert accuracy([[0.6], [0.4], [0.5]], labels, is_logist=False) == 1
    assert accuracy([[0.2], [-3.0], [-0.1]], np.float32(labels)) == pytest.approx(2 / 3)


def test_sequences_and_packed_outputs():
    outputs = [[[1.0, 2.0], [2.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]
    assert accuracy(outputs, [[1, 0], [0, 1]]) == 3 / 4
    metric = Accuracy()
    metric.update((paddle.to_tensor(outputs), "state"), paddle.to_tensor([[[1], [0]], [[0], [1]]]))
    assert metric.accumulate() == 3 / 4


def test_an_output_that_is_no_number_is_wrong():
    assert accuracy([[float("nan"), 1.0], [0.0, 1.0]], [0, 1]) == 1 / 2
    assert accuracy([[float("nan")]], [[1]]) == 0


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        ([1.0, 2.0], [0, 1], r"outputs must be \[N, C\]"),
        ([[1.0, 2.0]], [2], r"labels must lie in 0…1 .* got 2…2"),
        ([[1.0, 2.0]], [-1], r"labels must lie in 0…1"),
        ([[1.0], [2.0]], [0, 2], r"labels must lie in 0…1"),
        ([[1.0, 2.0]], [0, 1], r"labels must be \[1\] or \[1, 1\]"),
        ([[1.0, 2.0]], [[0, 1]], r"not one-hot"),
        ([[1.0, 2.0]], [0.5], r"class ids"),
    ],
)
def test_wrong_arguments_are_named(outputs, labels, message):
    for metric in (Accuracy(), ConfusionMatrix(2)):
        with pytest.raises(ValueError, match=message):
            metric.update(paddle.to_tensor(outputs), paddle.to_tensor(labels))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(0, 99))
def test_against_counting(num_classes, sizes, seed):
    rng = np.random.default_rng(seed)
    metric, confusion = Accuracy(), ConfusionMatrix(num_classes)
    counted = [[0] * num_classes for _ in range(num_classes)]
    for size in sizes:
        logits = rng.normal(size=(size, num_classes)).astype("float32")
        labels = rng.integers(0, num_classes, size)
        metric.update(logits, labels)
        confusion.update(logits, labels)
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            counted[label][row.index(max(row))] += 1
    total = sum(map(sum, counted))
    correct = sum(counted[i][i] for i in range(num_classes))
    assert confusion.matrix.tolist() == counted
    expected = correct / total if total else 0
    assert metric.accumulate() == confusion.accumulate() == expected


def test_per_class_by_hand():
    confusion = ConfusionMatrix(3, ["a", "b", "c"])
    confusion.matrix[:] = [[5, 1, 0], [2, 2, 0], [0, 0, 0]]
    a, b, c = confusion.per_class()
    assert a == {"class": "a", "samples": 6, "precision": 5 / 7, "recall": 5 / 6, "f1": 10 / 13}
    assert b == {"class": "b", "samples": 4, "precision": 2 / 3, "recall": 1 / 2, "f1": 4 / 7}
    assert c["samples"] == 0
    assert np.isnan([c["precision"], c["recall"], c["f1"]]).all()


def test_confusion_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="expected 3 class_names, got 2"):
        ConfusionMatrix(3, ["a", "b"])
    with pytest.raises(ValueError, match="at least 2"):
        ConfusionMatrix(1)
    with pytest.raises(ValueError, match="expected logits of 3 classes, got 2"):
        ConfusionMatrix(3).update([[1.0, 2.0]], [0])
    with pytest.raises(ValueError, match="nan"):
        ConfusionMatrix(2).update([[np.nan, 2.0]], [0])
