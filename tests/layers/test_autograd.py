"""The bridge between NumPy's memory and Paddle's: alignment, sharing, changes in place."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from nndl import conv2d, pool2d
from nndl.layers.arrays import ALIGNMENT, contiguous, empty, tensor


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
    X = random_tensor(2, 3, 4, 4) * 1.0
    Y = call(X, random_tensor(5, 3, 4, 4))
    X.scale_(3.0)
    with pytest.raises(Exception, match="changed in place since"):
        Y.sum().backward()
