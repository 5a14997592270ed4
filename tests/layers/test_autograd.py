"""The bridge between NumPy's memory and Paddle's: alignment, sharing, changes in place."""

import itertools
import warnings

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from nndl import LeNet, ResNet18, conv2d, conv2d_loops, pool2d, pool2d_loops
from nndl.layers.arrays import ALIGNMENT, contiguous, empty, tensor
from nndl.layers.autograd import differentiable
from tests.conftest import PADDLE, needs_paddle


def random_tensor(*shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape).astype("float32")
    return paddle.to_tensor(values, stop_gradient=False)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3, 5, 7), ()])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_empty_is_aligned_and_writable(shape, dtype):
    for _ in range(20):
        room = empty(shape, dtype)
        assert (room.shape, room.dtype) == (shape, np.dtype(dtype))
        assert room.ctypes.data % ALIGNMENT == 0
        room[...] = 1
        assert room.sum() == room.size


def test_a_tensor_shares_aligned_memory_and_copies_other():
    aligned = empty((4, 4), "float32")
    aligned[...] = 1
    assert contiguous(aligned) is aligned
    shared = tensor(aligned)
    aligned[0, 0] = 5
    assert shared[0, 0].item() == 5
    odd = np.zeros(17, "float32")[1:]
    assert tensor(odd).data_ptr() % ALIGNMENT == 0
    turned = np.arange(6.0).reshape(2, 3).T
    np.testing.assert_array_equal(tensor(turned).numpy(), turned)


#: one call for each form of the product: dense, pixels, rows, in blocks
CALLS = {
    "dense": ((4, 3, 5, 5), (8, 3, 5, 5), {}),
    "dense centre": ((4, 3, 1, 1), (8, 3, 3, 3), {"padding": 1}),
    "pixels": ((4, 3, 5, 5), (8, 3, 1, 1), {"stride": 2}),
    "rows": ((4, 3, 6, 6), (8, 3, 3, 3), {"padding": 1}),
    "one map": ((1, 3, 6, 6), (1, 3, 3, 3), {}),
    "groups": ((2, 4, 6, 6), (4, 2, 3, 3), {"groups": 2}),
}


@pytest.mark.parametrize("name", CALLS)
def test_convolution_hands_paddle_aligned_memory(name):
    shape, kernels, options = CALLS[name]
    X, W, b = random_tensor(*shape), random_tensor(*kernels), random_tensor(kernels[0])
    Y = conv2d(X, W, b, **options)
    Y.sum().backward()
    for made in (Y, X.grad, W.grad, b.grad):
        assert made.data_ptr() % ALIGNMENT == 0


@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize("padding", [0, 1])
def test_pooling_hands_paddle_aligned_memory(mode, padding):
    X = random_tensor(3, 2, 7, 7)
    Y = pool2d(X, 3, mode, 2, padding)
    Y.sum().backward()
    assert Y.data_ptr() % ALIGNMENT == 0
    assert X.grad.data_ptr() % ALIGNMENT == 0


def test_sums_of_outputs_do_not_depend_on_where_memory_lies():
    # Paddle's batch norm sums in an order that depends on where its input begins.
    X, W = random_tensor(4, 3, 8, 8), random_tensor(16, 3, 3, 3, seed=1)
    found = set()
    held = []
    for size in range(1, 60):
        held.append(np.empty(size * 4, np.uint8))  # moves the next allocation by some bytes
        Y = conv2d(X, W, padding=1)
        mean, var = paddle.zeros([16]), paddle.ones([16])
        Y = F.batch_norm(Y, mean, var, training=True)
        found.add(Y.numpy().tobytes() + mean.numpy().tobytes() + var.numpy().tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("mode", ["max", "avg"])
def test_an_output_may_be_changed_in_place(mode):
    X, same = random_tensor(2, 3, 8, 8), random_tensor(2, 3, 8, 8)
    pool2d(X, 2, mode, 2).scale_(3.0).sum().backward()
    (pool2d(same, 2, mode, 2) * 3.0).sum().backward()
    np.testing.assert_array_equal(X.grad.numpy(), same.grad.numpy())


@pytest.mark.parametrize("call", [lambda X, W: conv2d(X, W), lambda X, W: pool2d(X, 3)])
def test_an_input_changed_in_place_is_no_silent_wrong_gradient(call):
    leaf, W, found = random_tensor(2, 3, 4, 4), random_tensor(5, 3, 3, 3), []
    for factor in (None, 3.0):
        leaf.clear_gradient()
        W.clear_gradient()
        X = leaf * 1.0
        Y = call(X, W)
        if factor:
            X.scale_(factor)
        try:
            (Y * Y).sum().backward()
        except Exception as error:
            assert factor and "changed in place since" in str(error)
            return
        found.append([t.grad.numpy().copy() for t in (leaf, W) if t.grad is not None])
    assert PADDLE < (3, 0)  # which joins several operands to one, a copy
    for before, after in zip(*found, strict=True):
        np.testing.assert_array_equal(before, after)


# ------------------------------------ gradients of any subset, gradients of gradients, graphs


#: ours → the same of Paddle, as functions of (X, W, b)
PAIRS = {
    "conv2d": (
        lambda X, W, b: conv2d(X, W, b, 2, 1, (1, 2)),
        lambda X, W, b: F.conv2d(X, W, b, 2, 1, (1, 2)),
    ),
    "conv2d_loops": (
        lambda X, W, b: conv2d_loops(X, W, b, (2, 1), 1),
        lambda X, W, b: F.conv2d(X, W, b, (2, 1), 1),
    ),
    "grouped": (
        lambda X, W, b: conv2d(paddle.concat([X, X * X], 1), W, b, groups=2),
        lambda X, W, b: F.conv2d(paddle.concat([X, X * X], 1), W, b, groups=2),
    ),
    "mean": (lambda X, W, b: pool2d(X, 3, "avg", 2, 1), lambda X, W, b: F.avg_pool2d(X, 3, 2, 1)),
    "mean loops": (
        lambda X, W, b: pool2d_loops(X, (2, 3), "avg", 1),
        lambda X, W, b: F.avg_pool2d(X, (2, 3), 1),
    ),
    "maximum": (
        lambda X, W, b: pool2d(X, 3, "max", 2, 1),
        lambda X, W, b: F.max_pool2d(X, 3, 2, 1),
    ),
    "maximum loops": (
        lambda X, W, b: pool2d_loops(X, 2, "max", 1),
        lambda X, W, b: F.max_pool2d(X, 2, 1),
    ),
}


def inputs_of(name):
    X, W, b = (random_tensor(*s, seed=k) for k, s in enumerate([(2, 2, 6, 7), (4, 2, 3, 2), (4,)]))
    return [X] if name.startswith(("mean", "maximum")) else [X, W, b]


def subsets(count):
    return [s for size in range(1, count + 1) for s in itertools.combinations(range(count), size)]


@pytest.mark.parametrize("name", PAIRS)
def test_gradients_of_any_subset_with_any_other_input_frozen(name):
    ours, theirs = PAIRS[name]
    for wanted in subsets(len(inputs_of(name))):
        for frozen in [(), *subsets(len(inputs_of(name)))]:
            if set(frozen) & set(wanted):
                continue
            found = []
            for function in (ours, theirs):
                tensors = inputs_of(name)
                for k in frozen:
                    tensors[k].stop_gradient = True
                Y = function(*tensors, *[None] * (3 - len(tensors)))
                found.append(paddle.grad((Y * Y).sum(), [tensors[k] for k in wanted]))
            for own, paddles in zip(*found, strict=True):
                np.testing.assert_allclose(own.numpy(), paddles.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in PAIRS if "maximum" not in n])
def test_second_derivatives_equal_paddles(name):
    """Of a gradient penalty, Σ‖∂(Σ Y³)/∂X‖² and so on for the weights, in every input."""
    found = []
    for function in PAIRS[name]:
        tensors = inputs_of(name)
        Y = function(*tensors, *[None] * (3 - len(tensors)))
        first = paddle.grad((Y**3).sum(), tensors, create_graph=True)
        sum((g * g).sum() for g in first).backward()
        found.append([t.grad.numpy() for t in tensors])
    for own, paddles in zip(*found, strict=True):
        scale = np.abs(paddles).max()
        np.testing.assert_allclose(own / scale, paddles / scale, atol=1e-5)


def test_the_second_derivative_of_a_maximum_which_paddle_lacks():
    X = paddle.to_tensor(np.linspace(-1, 1, 36, dtype="float64").reshape(1, 1, 6, 6))
    X.stop_gradient = False
    for pool in (pool2d, pool2d_loops):
        (slope,) = paddle.grad((pool(X, 2, "max", 2) ** 3).sum(), [X], create_graph=True)
        (second,) = paddle.grad(slope.sum(), [X])
        expected = np.zeros((6, 6))
        expected[1::2, 1::2] = 6 * X.numpy()[0, 0, 1::2, 1::2]  # of x³ at the largest of each 2×2
        np.testing.assert_allclose(second.numpy()[0, 0], expected, rtol=1e-12)


@needs_paddle(3, 0, "reshape has no third derivative")
def test_third_derivatives_and_penalties_train_a_network():
    X, W, b = (random_tensor(*s) for s in ((1, 1, 4, 4), (1, 1, 2, 2), (1,)))
    y = conv2d(X, W, b)
    value = (y * y * y * y).sum()
    for _ in range(3):
        (value,) = paddle.grad(value, [W], create_graph=True)
        value = value.sum()
    # Σ over outputs of 24·y·(Σ of its window)³
    window = conv2d(X, paddle.ones_like(W), None)
    np.testing.assert_allclose(float(value), float((24 * y * window**3).sum()), rtol=1e-4)


def test_an_operator_without_a_second_derivative_says_so():
    X = random_tensor(3)
    Y = differentiable(lambda X: (X * 2, None), lambda dY, kept, needed, X: (dY * 2,), X)
    # Paddle hands on what a backward pass raises as an OSError of its own
    with pytest.raises(
        (RuntimeError, OSError), match="leave create_graph out, or use Paddle's operator"
    ):
        paddle.grad(Y.sum(), [X], create_graph=True)
    np.testing.assert_array_equal(paddle.grad(Y.sum(), [X])[0].numpy(), [2, 2, 2])


def test_saliency_of_a_whole_network_equals_paddles():
    hand, theirs = LeNet(), LeNet(operators="paddle")
    theirs.set_state_dict(hand.state_dict())
    X, y = random_tensor(2, 1, 32, 32), paddle.to_tensor([3, 5])
    for frozen in (False, True):
        for model in (hand, theirs):
            for parameter in model.parameters():
                parameter.stop_gradient = frozen
        own, paddles = (paddle.grad(F.cross_entropy(m(X), y), [X])[0] for m in (hand, theirs))
        np.testing.assert_allclose(own.numpy(), paddles.numpy(), atol=1e-6)


NETWORKS = {
    "lenet": (LeNet, (2, 1, 32, 32)),
    "resnet": (lambda: ResNet18(stem="cifar"), (2, 3, 16, 16)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "whole",
    [
        True,
        pytest.param(False, marks=needs_paddle(3, 1, "tracing by bytecode fails in Paddle's own")),
    ],
)
def test_traced_networks_give_the_same(name, whole):
    make, shape = NETWORKS[name]
    model, X = make(), random_tensor(*shape)
    model.eval()
    expected = model(X).numpy()
    traced = paddle.jit.to_static(model, full_graph=whole)
    np.testing.assert_allclose(traced(X).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_a_traced_network_trains_as_the_network_does():
    model, X, found = LeNet(), random_tensor(2, 1, 32, 32), []
    for run in (model, paddle.jit.to_static(model, full_graph=True)):
        (run(X) ** 2).sum().backward()
        found.append([p.grad.numpy().copy() for p in model.parameters()])
        model.clear_gradients()
    for eager, traced in zip(*found, strict=True):
        np.testing.assert_allclose(
            traced / np.abs(eager).max(), eager / np.abs(eager).max(), atol=1e-5
        )


@pytest.mark.parametrize("name", NETWORKS)
def test_saved_graphs_load_and_give_the_same(name, tmp_path):
    make, shape = NETWORKS[name]
    model, X = make(), random_tensor(*shape)
    model.eval()
    spec = paddle.static.InputSpec([None, *shape[1:]])
    expected = model(X).numpy()
    paddle.jit.save(model, str(tmp_path / "network"), input_spec=[spec])
    loaded = paddle.jit.load(str(tmp_path / "network"))
    np.testing.assert_allclose(loaded(X).numpy(), expected, rtol=1e-4, atol=1e-4)
    one = loaded(X[:1]).numpy()  # the batch axis stays free
    np.testing.assert_allclose(one, expected[:1], rtol=1e-4, atol=1e-4)


def test_mixed_precision_and_no_grad_behave_as_paddles():
    hand, theirs = LeNet(), LeNet(operators="paddle")
    theirs.set_state_dict(hand.state_dict())
    X = random_tensor(2, 1, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Paddle says that it does nothing on a CPU
        with paddle.amp.auto_cast(dtype="bfloat16"):
            own, paddles = hand(X), theirs(X)
    assert own.dtype == paddles.dtype
    np.testing.assert_allclose(own.numpy(), paddles.numpy(), atol=1e-5)
    with paddle.no_grad():
        assert hand(X).stop_gradient and theirs(X).stop_gradient


# ----------------------------------------------------------------------------- backward, once more


def once(X):
    return (conv2d(X, paddle.ones([2, 2, 3, 3])) ** 2).sum()


@pytest.mark.parametrize("retain", [True, False])
def test_a_second_backward_is_refused_where_paddle_would_crash(retain):
    X = paddle.randn([2, 2, 6, 6])
    X.stop_gradient = False
    Y = conv2d(X, paddle.ones([2, 2, 3, 3]))
    Y.backward(paddle.ones(Y.shape), retain_graph=retain)
    with pytest.raises(Exception, match="keeps what a PyLayer needs for one backward"):
        Y.backward(paddle.ones(Y.shape))
    pooled = pool2d(X, 2, "max", 2)
    pooled.sum().backward(retain_graph=True)
    with pytest.raises(Exception, match="keeps what a PyLayer needs for one backward"):
        (pooled**2).sum().backward()


def test_the_ways_that_the_message_names_work():
    X = paddle.randn([2, 2, 6, 6])
    X.stop_gradient = False
    loss = once(X)
    first = paddle.grad(loss, X, retain_graph=True)[0].numpy()
    np.testing.assert_array_equal(paddle.grad(loss, X, retain_graph=True)[0].numpy(), first)
    np.testing.assert_array_equal(paddle.grad(loss, X)[0].numpy(), first)
    Y = conv2d(X, paddle.ones([2, 2, 3, 3]))
    (Y.sum() + (Y**2).sum()).backward()
    expected = X.grad.numpy()
    X.clear_grad()
    for part in (lambda Y: Y.sum(), lambda Y: (Y**2).sum()):
        part(conv2d(X, paddle.ones([2, 2, 3, 3]))).backward()
    np.testing.assert_allclose(X.grad.numpy(), expected, rtol=1e-5)
