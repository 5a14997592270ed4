"""Transforms of whole batches against Pillow, Paddle and the formulas."""

import numpy as np
import paddle.vision.transforms as vision
import pytest
from PIL import Image

from nndl.dataset.transforms import Compose, Normalize, Resize, flip_and_crop, vectorised

RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def by_pillow(image, height, width):
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(
    "source, target",
    [
        ((28, 28), (32, 32)),
        ((28, 28), (224, 224)),
        ((32, 32), (7, 7)),
        ((1, 1), (5, 4)),
        ((9, 1), (1, 9)),
        *(
            (tuple(RNG.integers(1, 60, 2)), tuple(int(n) for n in RNG.integers(1, 60, 2)))
            for _ in range(60)
        ),
    ],
)
def test_resize_gives_pillows_pixels(source, target):
    images = pixels(3, *source)
    result = Resize(target)(images)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, [by_pillow(image, *target) for image in images])


def test_resize_keeps_leading_axes():
    images = pixels(520, 2, 6, 5)
    result = Resize((4, 7))(images)
    assert result.shape == (520, 2, 4, 7)
    for place in ((0, 0), (300, 1), (519, 1)):
        np.testing.assert_array_equal(result[place], by_pillow(images[place], 4, 7))
    assert Resize(3)(images[:0]).shape == (0, 2, 3, 3)


def test_resize_is_the_bilinear_formula():
    """Twice as wide: ¼ and ¾ of the neighbours, the edge's pixel repeated; half: 3/8 and 1/8."""
    row = np.array([[0, 80, 240]], np.uint8)
    np.testing.assert_array_equal(Resize((1, 6))(row), [[0, 20, 60, 120, 200, 240]])
    row = np.array([[8, 0, 16, 24]], np.uint8)  # weights 1, 3, 3, 1, cut off and normalised
    np.testing.assert_array_equal(Resize((1, 2))(row), [[6, 17]])


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: Resize(0), ValueError),
        (lambda: Resize((3, -1)), ValueError),
        (lambda: Resize(8)(np.zeros((4, 4), np.float32)), TypeError),
        (lambda: Resize(8)(np.zeros(4, np.uint8)), ValueError),
        (lambda: Resize(8)(np.zeros((0, 4), np.uint8)), ValueError),
        (lambda: Normalize(0, 0), ValueError),
        (lambda: Normalize(0, -1), ValueError),
        (lambda: Normalize(np.nan, 1), ValueError),
        (lambda: Normalize([0, 0, 0], 1)(np.zeros((2, 1, 4, 4))), ValueError),
        (lambda: Normalize([0, 0, 0], [1, 1]), ValueError),
        (lambda: Normalize(0, [1, 1, 1])(np.zeros((2, 1, 4, 4))), ValueError),
        (lambda: Normalize(0, 1)(np.zeros((4, 4))), ValueError),
    ],
)
def test_wrong_arguments_are_refused(call, error):
    with pytest.raises(error, match=r"expects|must|at least"):
        call()


def test_normalize_is_the_formula():
    images = pixels(4, 3, 5, 6)
    mean, std = np.array([1.0, 120.5, 200]), np.array([0.5, 60, 99])
    expected = (images - mean[:, None, None]) / std[:, None, None]
    result = Normalize(mean, std)(images)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(Normalize(9, 2)(images), (images.astype(float) - 9) / 2)


def test_compose_applies_in_order():
    assert Compose([lambda x: x + 1, lambda x: 10 * x])(2) == 30


@pytest.mark.parametrize("shape", [(28, 28), (20, 31), (31, 20)])
@pytest.mark.parametrize("size", [32, 14, (24, 17)])
def test_paddles_own_transforms_give_the_same_in_batches(shape, size):
    images = pixels(5, 1, *shape)
    paddles = vision.Compose(
        [vision.Resize(size), vision.Normalize([127.5], [127.5], data_format="CHW")]
    )
    expected = np.stack([paddles(Image.fromarray(image[0])) for image in images])
    result = vectorised(paddles)(images)
    assert result.shape == (5, 1, *expected.shape[-2:])
    one_level = 0 if shape == (28, 28) and size in (32, 14) else 1 / 127.5
    np.testing.assert_allclose(
        result, expected.reshape(result.shape), rtol=0, atol=one_level + 1e-6
    )


def test_what_has_no_batch_form_is_not_pretended():
    for other in (
        vision.RandomHorizontalFlip(),
        vision.Resize(32, interpolation="nearest"),
        vision.Normalize([0.5], [0.5], data_format="HWC"),
        vision.Normalize([0.5], [0.5], to_rgb=True),
        lambda image: image,
    ):
        assert vectorised(other) is None
        assert vectorised(vision.Compose([vision.Resize(32), other])) is None


def test_flip_and_crop_takes_windows_of_the_padded_image():
    images = RNG.normal(size=(400, 2, 6, 5)).astype(np.float32)
    kept = images.copy()
    result = flip_and_crop(images, np.random.default_rng(1), padding=2, fill=-1)
    np.testing.assert_array_equal(images, kept)
    assert result.dtype == np.float32
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=-1)
    seen = set()
    for image, around in zip(result, padded, strict=True):
        choices = [
            (top, left, flip)
            for top in range(5)
            for left in range(5)
            for flip in (1, -1)
            if np.array_equal(around[:, top : top + 6, left : left + 5][..., ::flip], image)
        ]
        assert len(choices) == 1
        seen.add(choices[0])
    assert len(seen) == 50  # every shift, mirrored and not


def test_flip_and_crop_repeats_with_its_generator():
    images = RNG.normal(size=(16, 3, 8, 8))
    first, second, other = (flip_and_crop(images, np.random.default_rng(n)) for n in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    unmoved = flip_and_crop(images, np.random.default_rng(0), padding=0, flip=False)
    np.testing.assert_array_equal(unmoved, images)


@pytest.mark.parametrize(
    "arguments, error",
    [
        ((np.zeros((3, 8, 8)), np.random.default_rng(0)), ValueError),
        ((np.zeros((2, 3, 8, 8)), np.random.RandomState(0)), TypeError),
        ((np.zeros((2, 3, 8, 8)), 0), TypeError),
        ((np.zeros((2, 3, 8, 8)), np.random.default_rng(0), -1), ValueError),
    ],
)
def test_flip_and_crop_refuses(arguments, error):
    with pytest.raises(error):
        flip_and_crop(*arguments)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_a_pil_image_is_one_image_with_its_channels_first(mode):
    picture = Image.fromarray(pixels(12, 16, 3)).convert(mode)
    shown = picture.convert({"P": "RGB", "1": "L"}.get(mode, mode))
    by_hand = np.atleast_3d(np.asarray(shown)).transpose(2, 0, 1)
    smaller = shown.resize((4, 6), Image.Resampling.BILINEAR)  # Pillow's own, of all channels
    expected = np.atleast_3d(np.asarray(smaller)).transpose(2, 0, 1)
    np.testing.assert_array_equal(Resize((6, 4))(picture), expected)
    normalised = Normalize(np.full(len(by_hand), 127.5), 127.5)(picture)
    np.testing.assert_allclose(normalised, by_hand / 127.5 - 1, atol=1e-6)
    both = Compose([Resize((6, 4)), Normalize(127.5, 127.5)])(picture)
    np.testing.assert_allclose(both, expected / 127.5 - 1, atol=1e-6)


def test_statistics_of_fractions_are_refused_for_bytes():
    images, (mean, std) = pixels(2, 3, 4, 4), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with pytest.raises(ValueError, match=r"mean 0\.485 and std 0\.224 .* std by 255"):
        Normalize(mean, std)(images)
    fractions = Normalize(mean, std)(images / np.float32(255))  # what they are meant for
    in_bytes = Normalize(255 * np.array(mean), 255 * np.array(std))(images)
    np.testing.assert_allclose(in_bytes, fractions, atol=1e-5)
