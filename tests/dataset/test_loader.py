"""BatchLoader: each sample once an epoch, in an order that can be repeated and resumed."""

import itertools

import numpy as np
import paddle
import pytest

from nndl import seed_everything
from nndl.dataset.images import ImageDataset
from nndl.dataset.loader import BatchLoader
from nndl.dataset.transforms import Normalize


def numbered(count):
    """A data set whose sample i has pixel i and label i."""
    images = np.arange(count, dtype=np.uint8)[:, None, None].repeat(2, 1)
    return ImageDataset(images, np.arange(count), Normalize(0, 1), range(count))


def epoch(loader):
    return [y.tolist() for _, y in loader]


def flatten(batches):
    return list(itertools.chain.from_iterable(batches))


@pytest.mark.parametrize("count, size", [(10, 3), (9, 3), (1, 4), (7, 7), (250, 64)])
def test_each_sample_once_an_epoch(count, size):
    for shuffle in (False, True):
        loader = BatchLoader(numbered(count), size, shuffle=shuffle, seed=1)
        for _ in range(2):
            batches = epoch(loader)
            assert len(batches) == len(loader) == -(-count // size)
            assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
            flat = flatten(batches)
            assert sorted(flat) == list(range(count))
            assert shuffle or flat == list(range(count))
        dropping = BatchLoader(numbered(count), size, shuffle=shuffle, drop_last=True, seed=1)
        assert [len(batch) for batch in epoch(dropping)] == [size] * (count // size)
        assert len(dropping) == count // size


def test_images_go_with_their_labels():
    for X, y in BatchLoader(numbered(100), 7, shuffle=True):
        assert isinstance(X, paddle.Tensor) and X.dtype == paddle.float32
        assert y.dtype == paddle.int64
        assert X.shape == [len(y), 1, 2, 1]
        np.testing.assert_array_equal(X.numpy()[:, 0, 1, 0], y.numpy())


def test_the_seed_decides_the_order():
    data = numbered(50)
    first, same, other = (BatchLoader(data, 8, shuffle=True, seed=s) for s in (3, 3, 4))
    epochs = [epoch(first), epoch(first)]
    assert epochs[0] != epochs[1]
    assert epochs == [epoch(same), epoch(same)]
    assert epochs[0] != epoch(other)
    orders = []
    for seed in (1, 1, 2):
        seed_everything(seed)
        orders.append(epoch(BatchLoader(data, 8, shuffle=True)))
    assert orders[0] == orders[1] != orders[2]


def test_shuffling_is_fair():
    loader = BatchLoader(numbered(5), 5, shuffle=True, seed=0)
    places = np.array([epoch(loader)[0] for _ in range(2000)])
    counts = np.array([np.bincount(column, minlength=5) for column in places.T])
    # 400 expected in each of 25 cells, standard deviation 18
    assert abs(counts - 400).max() < 5 * 18


def test_a_loader_goes_on_from_any_place():
    def loader(seed):
        noise = lambda X, rng: X + rng.normal(size=X.shape).astype(np.float32)  # noqa: E731
        return BatchLoader(numbered(23), 4, shuffle=True, seed=seed, augment=noise)

    def stream(source, epochs):
        return [(X.numpy(), y.numpy()) for _ in range(epochs) for X, y in source]

    expected = stream(loader(5), 3)
    for taken in range(3 * 6):
        first, states = loader(5), []
        for _ in range(3):
            for _ in first:
                states.append(first.state_dict())
        second = loader(9)
        second.load_state_dict(states[taken])
        epochs_left = 3 - taken // 6
        rest = stream(second, epochs_left)
        assert len(rest) == 3 * 6 - taken - 1
        for (X, y), (X2, y2) in zip(rest, expected[taken + 1 :], strict=True):
            np.testing.assert_array_equal(X, X2)
            np.testing.assert_array_equal(y, y2)


def test_an_abandoned_epoch_begins_whole_again():
    loader = BatchLoader(numbered(10), 4, seed=0)
    next(iter(loader))
    assert flatten(epoch(loader)) == list(range(10))


def test_augmentation_sees_the_batch_and_a_generator_of_its_own():
    seen = []

    def augment(X, rng):
        seen.append(rng.integers(2**40))
        return -X

    loader = BatchLoader(numbered(6), 3, seed=7, augment=augment)
    for _ in range(2):
        for X, y in loader:
            np.testing.assert_array_equal(X.numpy()[:, 0, 0, 0], -y.numpy())
    assert len(set(seen)) == 4
    again, seen = seen, []
    for _ in range(2):
        epoch_of = BatchLoader(numbered(6), 3, seed=7, augment=augment)
        epoch_of.load_state_dict({"seed": 7, "epoch": len(seen) // 2, "position": 0})
        epoch(epoch_of)
    assert seen == again


def test_any_data_set_with_length_and_items_will_do():
    class Pairs:
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return np.full((2, 3), index, np.float32), index

    batches = list(BatchLoader(Pairs(), 2, shuffle=True, seed=0))
    assert sorted(flatten(y.tolist() for _, y in batches)) == list(range(5))
    for X, y in batches:
        np.testing.assert_array_equal(X.numpy()[:, 1, 2], y.numpy())


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"batch_size": 0}, ValueError),
        ({"batch_size": -4}, ValueError),
        ({"batch_size": 2.0}, TypeError),
        ({"batch_size": True}, TypeError),
        ({"batch_size": "4"}, TypeError),
        ({"dataset": 5}, TypeError),
        ({"dataset": None}, TypeError),
        ({"dataset": []}, ValueError),
        ({"augment": 3}, TypeError),
        ({"seed": -1}, ValueError),
        ({"seed": "a"}, TypeError),
        ({"seed": 1.5}, TypeError),
    ],
)
def test_wrong_arguments_are_refused(arguments, error):
    with pytest.raises(error, match=r"must be|expects"):
        BatchLoader(**{"dataset": numbered(4), "shuffle": True, **arguments})


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"seed": 1, "epoch": 0},
        {"seed": 1, "epoch": 0, "position": 4},
        {"seed": 1, "epoch": 0, "position": -1},
        {"seed": 1, "epoch": -1, "position": 0},
        {"seed": 1, "epoch": 0, "position": 0.5},
        {"seed": None, "epoch": 0, "position": 0},
        {"seed": 1, "epoch": "0", "position": 0},
    ],
)
def test_places_that_do_not_exist_are_refused(state):
    loader = BatchLoader(numbered(6), 2, seed=3)
    with pytest.raises(ValueError, match="expected"):
        loader.load_state_dict(state)
    assert loader.state_dict() == {"seed": 3, "epoch": 0, "position": 0}


class Stream(paddle.io.IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return ((np.full(2, k, "float32"), k) for k in range(self.count))


@pytest.mark.parametrize("count, size", [(8, 4), (7, 3), (2, 5)])
def test_a_stream_comes_in_its_own_order_and_goes_on_from_any_place(count, size):
    loader = BatchLoader(Stream(count), size, seed=0)
    batches = epoch(loader)
    assert flatten(batches) == list(range(count)) == flatten(epoch(loader))
    assert {len(batch) for batch in batches[:-1]} <= {size}
    dropped = epoch(BatchLoader(Stream(count), size, drop_last=True))
    assert dropped == [batch for batch in batches if len(batch) == size]
    with pytest.raises(TypeError, match="no length"):
        len(loader)
    for place in range(len(batches)):
        first, second = (BatchLoader(Stream(count), size, seed=0) for _ in "ab")
        for _ in itertools.islice(first, place + 1):
            state = first.state_dict()
        second.load_state_dict(state)
        assert epoch(second) == batches[place + 1 :]
        assert epoch(second) == batches  # the next epoch is whole
    with pytest.raises(ValueError, match="order of its own"):
        BatchLoader(Stream(3), 2, shuffle=True)


class Parts(paddle.io.Dataset):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def __len__(self):
        return 5

    def __getitem__(self, k):
        return self.make(k)


def test_samples_of_any_form_are_put_together_as_paddle_does():
    forms = [
        lambda k: (np.full(2, k, "float32"), np.full((1, 3), -k, "float32"), k),
        lambda k: {"x": np.full(2, k, "float32"), "y": k},
        lambda k: ({"a": np.float32(k), "b": [k, 2 * k]}, k),
        lambda k: paddle.full([3], k),
        lambda k: [k, float(k)],
    ]
    for make in forms:
        ours = list(BatchLoader(Parts(make), 2))
        theirs = list(paddle.io.DataLoader(Parts(make), batch_size=2))
        assert len(ours) == len(theirs) == 3
        for left, right in zip(ours, theirs, strict=True):
            same(left, right)


def same(left, right):
    if isinstance(right, dict):
        assert left.keys() == right.keys()
        for key in right:
            same(left[key], right[key])
    elif isinstance(right, list) and isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for pair in zip(left, right, strict=True):
            same(*pair)
    else:
        right = right[0] if isinstance(right, list) else right
        assert isinstance(left, paddle.Tensor) and left.dtype == right.dtype
        np.testing.assert_array_equal(left.numpy(), right.numpy())


def test_augmentation_varies_the_first_part_or_says_that_it_cannot():
    three = Parts(lambda k: (np.full(2, k, "float32"), np.float32(k), k))
    (X, z, _), *_ = BatchLoader(three, 3, augment=lambda X, rng: -X)
    np.testing.assert_array_equal(-X.numpy()[:, 0], z.numpy())
    named = Parts(lambda k: {"x": np.zeros(2, "float32")})
    with pytest.raises(TypeError, match="samples of this data set are dicts"):
        next(iter(BatchLoader(named, 3, augment=lambda X, rng: X)))


@pytest.mark.parametrize(
    "make", [lambda k: (np.zeros(k + 1), 0), lambda k: (0,) * (1 + k), lambda k: {k: 0}]
)
def test_samples_that_differ_are_named(make):
    with pytest.raises(ValueError, match="samples of a batch must be alike"):
        next(iter(BatchLoader(Parts(make), 3)))
