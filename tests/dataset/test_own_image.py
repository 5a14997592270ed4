"""One's own pictures: the same digit, however it was photographed, gives the same input."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nndl.dataset.own_image import preprocess_digit, preprocess_photo
from nndl.figures.canvas import Drawing


def seven(size=200, offset=(60, 40), scale=1.0, ink=20, paper=230):
    picture = Image.new("L", (size, size), paper)
    points = [(0, 0), (60, 0), (25, 90)]
    points = [(offset[0] + scale * x, offset[1] + scale * y) for x, y in points]
    ImageDraw.Draw(picture).line(points, fill=ink, width=round(12 * scale), joint="curve")
    return np.asarray(picture)


def alike(a, b):
    return np.corrcoef(a["network input"].ravel(), b["network input"].ravel())[0, 1]


def test_the_result_has_mnists_form():
    steps = preprocess_digit(seven())
    assert steps["network input"].shape == (1, 32, 32)
    assert steps["network input"].dtype == np.float32
    assert steps["network input"].min() == -1 and steps["network input"].max() <= 1
    assert max(steps["ink fits 20×20"].shape) == 20
    centred = steps["centred in 28×28"].astype(float)
    mass = [(np.indices((28, 28))[k] + 0.5).ravel() @ centred.ravel() for k in (0, 1)]
    assert np.allclose(np.array(mass) / centred.sum(), 14, atol=0.51)


@pytest.mark.parametrize(
    "other",
    [
        seven(offset=(100, 90)),
        seven(size=400, offset=(50, 60), scale=2.5),
        seven(ink=240, paper=10),
        seven(ink=90, paper=140),
        (seven() * np.linspace(0.75, 1, 200)).astype(np.uint8),
        np.stack([seven()] * 3, axis=-1),
        seven() / 255.0,
    ],
    ids=["shifted", "larger", "light on dark", "faint", "shadow", "colour", "fractions"],
)
def test_place_size_light_and_ink_do_not_matter(other):
    assert alike(preprocess_digit(seven()), preprocess_digit(other)) > 0.95


def test_transparency_counts_as_white(tmp_path):
    grey = seven()
    rgba = np.zeros((*grey.shape, 4), np.uint8)
    rgba[..., 3] = np.where(grey < 100, 255, 0)
    Image.fromarray(rgba).save(tmp_path / "seven.png")
    assert alike(preprocess_digit(grey), preprocess_digit(tmp_path / "seven.png")) > 0.97


def test_a_photo_is_cut_square_and_normalised():
    photo = np.zeros((40, 80, 3), np.uint8)
    photo[:, 20:60] = (255, 128, 0)
    steps = preprocess_photo(photo)
    assert steps["middle square"].shape == (40, 40, 3)
    assert (steps["resized to 32×32"] == (255, 128, 0)).all()
    expected = [(255 - 125.3) / 63.0, (128 - 123.0) / 62.1, (0 - 113.9) / 66.7]
    assert np.allclose(steps["network input"].mean(axis=(1, 2)), expected, atol=1e-4)


def test_mistakes_are_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="no image file"):
        preprocess_digit(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match="expected an image file"):
        preprocess_photo(tmp_path / "text.png")
    with pytest.raises(ValueError, match="a picture with a digit on it"):
        preprocess_digit(np.full((100, 100), 200, np.uint8))
    with pytest.raises(ValueError, match="not a batch"):
        preprocess_digit(np.zeros((2, 3, 28, 28), np.uint8))
    with pytest.raises(ValueError, match="undo the normalisation"):
        preprocess_photo(np.full((32, 32, 3), -1.0))


def test_a_drawing_comes_back_or_says_why_not():
    pytest.importorskip("ipywidgets")
    import base64
    import io

    drawing = Drawing()
    with pytest.raises(RuntimeError, match="no drawing has arrived"):
        drawing.image()
    buffer = io.BytesIO()
    Image.fromarray(seven()).save(buffer, format="png")
    drawing._text.value = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    assert np.array_equal(drawing.image(), seven())
