"""Accuracy and confusion matrix against counting by hand."""

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndl import Accuracy, ConfusionMatrix
from nndl.metric import PrecisionRecallF1, Scores


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


def test_masks_of_one_channel_are_class_ids_whatever_their_rows_hold():
    mask = np.eye(6, dtype=int)[None, None]  # each row looks one-hot
    logits = np.full((1, 1, 6, 6), -5.0) + mask  # everything is taken for class 0
    right = ((logits >= 0) == mask).mean()  # 30 of 36 by counting
    assert right == 30 / 36
    for labels in (mask, mask[:, 0], mask.astype("float32")):
        for options in ({}, {"axis": 1}):
            assert accuracy(logits, labels, **options) == right
    rng = np.random.default_rng(0)
    logits, mask = rng.normal(size=(4, 1, 6, 5)), rng.integers(0, 2, (4, 1, 6, 5))
    for options in ({}, {"axis": 1}):
        assert accuracy(logits, mask, **options) == ((logits >= 0) == mask).mean()
    logits, mask = rng.normal(size=(4, 3, 6, 5)), rng.integers(0, 3, (4, 1, 6, 5))
    right = (logits.argmax(axis=1) == mask[:, 0]).mean()
    one_hot = np.moveaxis(np.eye(3)[mask[:, 0]], -1, 1)
    for labels in (mask, mask[:, 0], one_hot):
        for options in ({}, {"axis": 1}):
            assert accuracy(logits, labels, **options) == right
    signal, labels = rng.normal(size=(2, 1, 4)), np.eye(4, dtype=int)[[[1], [2]]]
    assert accuracy(signal, labels, axis=1) == ((signal >= 0) == labels).mean()
    assert accuracy(signal, labels, axis=-1) == (signal[:, 0].argmax(-1) == [1, 2]).mean()
    with pytest.raises(ValueError, match="along axis 1 or -1: say which"):
        accuracy(signal, labels)


def test_what_is_no_probability_is_refused():
    assert accuracy([[0.0], [1.0], [float("nan")]], [0, 1, 1], is_logist=False) == 2 / 3
    with pytest.raises(ValueError, match="from 0 to 1, got -2 to 3: for logits write Accuracy"):
        accuracy([[-2.0], [3.0]], [0, 1], is_logist=False)


def test_an_output_that_is_no_number_is_wrong():
    assert accuracy([[float("nan"), 1.0], [0.0, 1.0]], [0, 1]) == 1 / 2
    assert accuracy([[float("nan")]], [[1]]) == 0


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        ([1.0, 2.0], [0, 1], r"outputs must be \[B, K\]"),
        ([[1.0, 2.0]], [2], r"labels must lie in 0…1 .* got 2…2"),
        ([[1.0, 2.0]], [-1], r"labels must lie in 0…1"),
        ([[1.0], [2.0]], [0, 2], r"labels must lie in 0…1"),
        ([[1.0, 2.0]], [0, 1], r"labels must be \[1\] or \[1, 1\]"),
        ([[1.0, 2.0]], [[0.4, 0.6]], r"of soft labels take y\.argmax"),
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


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_half_precision_is_read_as_numbers(kind):
    logits = paddle.to_tensor([[-1.0, -2.0], [3.0, -1.0], [0.5, 0.25], [-0.5, 1.0]]).astype(kind)
    metric, confusion = Accuracy(), ConfusionMatrix(2)
    metric.update(logits, [0, 0, 0, 1])
    confusion.update(logits, [0, 0, 0, 1])
    assert metric.accumulate() == 1
    assert confusion.matrix.tolist() == [[3, 0], [0, 1]]


def test_what_is_not_to_be_counted():
    assert accuracy(np.eye(3), [0, 2, -100]) == 1 / 2  # the default of cross_entropy
    assert accuracy(np.eye(3), [0, 1, 255], ignore_index=255) == 1
    assert accuracy(np.eye(2), [-100, -100]) == 0
    confusion = ConfusionMatrix(3, ignore_index=255)
    confusion.update(np.eye(3), [0, 2, 255])
    assert confusion.matrix.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    with pytest.raises(ValueError, match="ignore_index=255"):
        accuracy(np.eye(3), [0, 1, 255])


def test_images_one_hot_rows_and_the_axis_of_the_classes():
    labels = np.arange(9).reshape(1, 3, 3) % 3
    square = np.moveaxis(np.eye(3)[labels], -1, 1)  # [B, D, M, N] with D = M = N
    with pytest.raises(ValueError, match="axis 1 or -1"):
        accuracy(square, labels)
    assert accuracy(square, labels, axis=1) == 1
    rng = np.random.default_rng(0)
    maps, labels = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    expected = np.mean(
        [maps[n, :, i, j].argmax() == labels[n, i, j] for n, i, j in np.ndindex(2, 4, 5)]
    )
    assert accuracy(maps, labels) == pytest.approx(expected)
    assert accuracy([[1.0, 2.0, 0.0], [3.0, 1.0, 0.0]], np.eye(3)[[1, 2]]) == 1 / 2


def test_an_absent_class_is_in_no_mean():
    confusion = ConfusionMatrix(3)
    confusion.matrix[:] = [[5, 1, 0], [2, 2, 0], [0, 0, 0]]
    macro = PrecisionRecallF1(3)
    macro.matrix[:] = confusion.matrix
    f1, precision, recall = macro.accumulate()
    assert f1 == pytest.approx((10 / 13 + 4 / 7) / 2)
    assert precision == pytest.approx((5 / 7 + 2 / 3) / 2)
    assert recall == pytest.approx((5 / 6 + 1 / 2) / 2)
    macro.matrix[:] = [[2, 0, 1], [1, 0, 0], [0, 0, 0]]  # 1 never predicted, 2 never there
    f1, precision, recall = macro.accumulate()
    assert precision == pytest.approx((2 / 3 + 0) / 2)
    assert f1 == pytest.approx((4 / 6 + 0) / 2)
    assert np.isnan(macro.per_class()[2]["f1"])
    assert np.isnan(PrecisionRecallF1(3).accumulate()).all()
    with pytest.raises(ValueError, match="a class below 3"):
        PrecisionRecallF1(3, average=3)


def test_paddle_s_metrics_count_as_in_paddle():
    logits, y = np.random.default_rng(1).normal(size=(40, 5)), np.arange(40) % 5
    logits, y = paddle.to_tensor(logits.astype("float32")), paddle.to_tensor(y)
    top = Scores(paddle.metric.Accuracy(topk=(1, 2)))
    for rows in (slice(0, 30), slice(30, 40)):
        top.update(logits[rows], y[rows])
    order = logits.numpy().argsort(axis=1)[:, ::-1]
    hits = [
        np.mean([t in row[:k] for row, t in zip(order, y.numpy(), strict=True)]) for k in (1, 2)
    ]
    assert list(top.accumulate().values()) == pytest.approx(hits)
    assert top.names() == ["acc_top1", "acc_top2"]
    p, t = np.array([[0.2], [0.7], [0.9], [0.4]], "float32"), np.array([[0], [1], [0], [1]])
    several = Scores([paddle.metric.Precision(), paddle.metric.Recall(), Accuracy(is_logist=False)])
    several.update(paddle.to_tensor(p), paddle.to_tensor(t))
    assert several.accumulate() == {"precision": 1 / 2, "recall": 1 / 2, "accuracy": 1 / 2}
    with pytest.raises(ValueError, match=r"precision cannot count outputs of shape \[40, 5\]"):
        several.update(logits, y)


def test_functions_are_means_over_samples():
    def error(logits, y):
        return (logits.argmax(1) != y).astype("float32").mean()

    error.higher_is_better = False
    scores = Scores([error, lambda logits, y: 2.0, lambda logits, y: 3.0])
    scores.update(paddle.to_tensor([[1.0, 0.0], [1.0, 0.0]]), paddle.to_tensor([0, 1]))
    scores.update(paddle.to_tensor([[1.0, 0.0]]), paddle.to_tensor([1]))
    assert list(scores.accumulate().values()) == pytest.approx([2 / 3, 2, 3])
    assert scores.names() == ["error", "lambda", "lambda (2)"]
    assert scores.less_is_better("error")
    assert not scores.less_is_better("lambda")
    with pytest.raises(ValueError, match="one number for a batch"):
        Scores(lambda logits, y: logits).update(paddle.ones([2, 2]), paddle.ones([2]))
    with pytest.raises(TypeError, match=r"write Accuracy\(\)"):
        Scores(Accuracy)


def test_numbers_without_names_are_refused():
    class Two(Accuracy):
        def accumulate(self):
            return [1.0, 2.0]

    with pytest.raises(TypeError, match="gives 2 numbers and names 1"):
        Scores(Two()).accumulate()
