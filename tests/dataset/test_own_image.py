"""One's own pictures: the same digit, however it was photographed, gives the same input."""

import io
from pathlib import Path

import numpy as np
import pytest
from mutations import mutations
from PIL import Image, ImageDraw, ImageFilter

from nndl.dataset import ImageFolder, cache_folder, load_mnist
from nndl.dataset.own_image import load_image, preprocess_digit, preprocess_photo
from nndl.figures.canvas import Drawing


def seven(size=200, offset=(60, 40), scale=1.0, ink=20, paper=230):
    picture = Image.new("L", (size, size), paper)
    points = [(0, 0), (60, 0), (25, 90)]
    points = [(offset[0] + scale * x, offset[1] + scale * y) for x, y in points]
    ImageDraw.Draw(picture).line(points, fill=ink, width=round(12 * scale), joint="curve")
    return np.asarray(picture)


def alike(a, b, reach=0):
    """Correlation of two results, the best of shifts by up to `reach` pixels."""
    a, b = (steps["centred in 28×28"] for steps in (a, b))
    moves = range(-reach, reach + 1)
    return max(
        np.corrcoef(a.ravel(), np.roll(b, (i, j), (0, 1)).ravel())[0, 1]
        for i in moves
        for j in moves
    )


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
    for count in (3, 4):  # as many as a picture has channels
        with pytest.raises(ValueError, match=rf"got shape \[{count}, 1, 28, 28\].*not a batch"):
            preprocess_digit(np.zeros((count, 1, 28, 28), np.uint8))
    assert load_image(np.zeros((1, 3, 28, 20), np.uint8), "RGB").size == (20, 28)
    with pytest.raises(ValueError, match="multiply mean and std by 255"):
        preprocess_photo(np.zeros((32, 32, 3), np.uint8), (0.49, 0.48, 0.44), (0.2, 0.2, 0.2))
    with pytest.raises(ValueError, match="undo the normalisation"):
        preprocess_photo(np.full((32, 32, 3), -1.0))


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.new("RGB", (5, 4), (1, 2, 3)).save(tmp_path / "a.png")
    for name in ("~/a.png", Path("~/a.png")):
        assert load_image(name, "RGB").getpixel((0, 0)) == (1, 2, 3)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").rename("~b.png")
    assert load_image("~b.png", "L").size == (5, 4)
    for label in "ab":
        (tmp_path / "pets" / label).mkdir(parents=True)
        for k in range(3):
            Image.new("RGB", (5, 4), (1, 2, 3)).save(tmp_path / "pets" / label / f"{k}.png")
    assert ImageFolder("~/pets").classes == ("a", "b")
    monkeypatch.setenv("NNDL_CACHE", "~/fetched")
    assert cache_folder() == tmp_path / "fetched"


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


# ----------------------------------------------------------------------------- what files hold


def saved(image, name, **options):
    stream = io.BytesIO()
    image.save(stream, name, **options)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("tag", range(1, 9))
def test_a_picture_stands_as_its_orientation_says(tag, tmp_path):
    T = Image.Transpose
    stored = {
        1: (), 2: (T.FLIP_LEFT_RIGHT,), 3: (T.ROTATE_180,), 4: (T.FLIP_TOP_BOTTOM,),
        5: (T.TRANSPOSE,), 6: (T.ROTATE_90,), 7: (T.TRANSVERSE,), 8: (T.ROTATE_270,),
    }[tag]  # fmt: skip
    upright = Image.fromarray(seven()[:, 20:150])
    turned = upright
    for turn in stored:
        turned = turned.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = tag
    for name in ("JPEG", "PNG", "TIFF"):
        path = tmp_path / f"phone.{name.lower()}"
        turned.save(path, exif=exif, **({"quality": 95} if name == "JPEG" else {}))
        content = path.read_bytes()
        opened = Image.open(io.BytesIO(content))
        for given in (path, str(path), content, opened, opened.convert("RGB")):
            found = load_image(given, "L")
            assert found.size == upright.size, (name, given)
            assert np.abs(np.asarray(found, float) - np.asarray(upright)).mean() < 3


def deep(grey, dtype, full):
    return Image.fromarray(np.round(grey / 255.0 * full).astype(dtype))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBa", "La", "CMYK",
                                  "YCbCr", "LAB", "HSV", "I;16", "I;16B", "I", "F", "F fractions",
                                  "RGBX"])  # fmt: skip
def test_every_mode_of_pillow_is_read(mode):
    grey = seven()
    grey = np.where(grey < 100, 0, 255).astype(np.uint8) if mode == "1" else grey
    base = Image.fromarray(grey)
    if mode == "LAB":
        base = base.convert("RGB")
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(base, *profiles, outputMode="LAB")
    elif mode in ("I;16", "I;16B"):
        image = Image.frombytes(
            mode, base.size, (grey.astype("<u2" if mode == "I;16" else ">u2") * 257).tobytes()
        )
    elif mode in ("I", "F", "F fractions"):
        image = deep(grey, "i4", 65535) if mode == "I" else Image.fromarray(
            np.float32(grey) / (255 if " " in mode else 1)
        )  # fmt: skip
    elif mode in ("La", "RGBa", "PA"):
        image = base.convert({"La": "LA", "RGBa": "RGBA", "PA": "P"}[mode]).convert(mode)
    else:
        image = base.convert(mode) if mode in "LA1P" else base.convert("RGB").convert(mode)
    for wanted in ("L", "RGB"):
        found = load_image(image, wanted)
        assert found.mode == wanted
        error = np.abs(np.asarray(found.convert("L"), float) - np.asarray(grey, float)).max()
        assert error <= (4 if mode in ("LAB", "YCbCr", "HSV", "P") else 1), error
    assert np.abs(np.asarray(load_image(image, "L", 60), float).mean() - grey.mean()) < 6


@pytest.mark.parametrize(
    "array, full",
    [
        (seven(), 255),
        (seven().astype("uint16") * 257, 65535),
        (seven().astype("int64"), 255),
        (seven().astype("int32") * 257, 65535),
        (seven() / 255.0, 1),
        (seven().astype("float16"), 255),
        (seven()[None], 255),
        (seven()[..., None], 255),
        (np.stack([seven()] * 3), 255),
        (np.stack([seven()] * 3 + [np.full_like(seven(), 255)], -1), 255),
    ],
)
def test_arrays_of_every_depth_are_the_same_picture(array, full):
    assert np.abs(np.asarray(load_image(array, "L"), int) - seven()).max() <= 1
    assert (np.asarray(load_image(seven() < 100, "L")) == np.where(seven() < 100, 255, 0)).all()


def test_files_bytes_and_streams_that_cannot_go_back():
    content = saved(Image.fromarray(seven()), "PNG").getvalue()

    class Stream:
        def __init__(self):
            self.read = io.BytesIO(content).read

    for given in (io.BytesIO(content), content, bytearray(content), memoryview(content), Stream()):
        np.testing.assert_array_equal(np.asarray(load_image(given, "L")), seven())


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_that_only_the_alpha_shows_is_seen_in_both_colours(ink):
    drawn = Image.fromarray(255 - seven())
    image = Image.merge("LA", (Image.new("L", drawn.size, ink), drawn))
    for given in (image, image.convert("RGBA"), saved(image.convert("RGBA"), "PNG")):
        assert alike(preprocess_digit(seven()), preprocess_digit(given)) > 0.97
    clear = Image.new("RGBA", (80, 80), (255, 255, 255, 0))
    assert np.asarray(load_image(clear, "RGB")).min() == 255  # a photo's ground stays white


def test_a_paper_with_clear_corners_stays_on_white():
    page = Image.fromarray(seven()).convert("RGBA")
    corners = Image.new("L", page.size, 0)
    ImageDraw.Draw(corners).ellipse([-40, -40, 240, 240], fill=255)
    page.putalpha(corners)
    assert alike(preprocess_digit(seven()), preprocess_digit(page)) > 0.95


def test_files_that_hold_no_picture_are_named():
    jpeg = saved(Image.fromarray(seven()).convert("RGB"), "JPEG").getvalue()
    png = saved(Image.fromarray(seven()), "PNG").getvalue()
    for content in (
        b"",
        b"text",
        b"\0\0\0\x18ftypheic" + bytes(64),
        jpeg[:-400],
        png[:-60],
        png[:40],
    ):
        for read in (preprocess_digit, preprocess_photo):
            with pytest.raises(ValueError, match=r"expected an image file|damaged"):
                read(io.BytesIO(content))
    with pytest.raises(TypeError, match="picture of numbers"):
        load_image(np.array([["a", "b"]] * 9), "L")
    with pytest.raises(ValueError, match="undo the normalisation"):
        load_image(np.full((9, 9), 70000), "L")
    with pytest.raises(ValueError, match="at most 100 megapixels"):
        load_image(Image.new("1", (20000, 6000)), "L")


def test_forty_eight_megapixels_take_less_than_500_megabytes(tmp_path):
    """The peak of the process's memory, read from the system where it can be reset."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pytest.skip("needs Linux's /proc")

    def status(name):
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024

    page = Image.fromarray(seven()).resize((8000, 6000))
    kinds = {"JPEG": "RGB", "PNG": "RGBA", "TIFF": "CMYK"}
    for name, mode in kinds.items():
        page.convert(mode).save(tmp_path / name, name)
    del page
    preprocess_digit(seven())
    for name in kinds:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before = status("VmRSS")
        steps = preprocess_digit(tmp_path / name)
        assert status("VmHWM") - before < 500, name
        assert max(steps["as given"].shape) < 2048


# ------------------------------------------------------------------------ pages and what is drawn

Y, X = np.indices((240, 180)) / 240


def page(shade=0, grain=0, form=0, seed=0):
    """Paper of brightness 225 in uneven light, with grain."""
    light = [Y + X**2, 2 * ((Y - 0.5) ** 2 + (X - 0.4) ** 2), (np.sin(3 * Y) + X) / 2,
             np.where(X > 0.3 + 0.2 * Y, 0.6, 0)][form]  # fmt: skip
    noise = np.random.default_rng(seed).normal(0, 1, Y.shape) * grain
    return np.clip(225 - shade * light + noise, 0, 255).round().astype(np.uint8)


BLANK = {
    **{f"shade {s}, grain {g}, form {f}": page(s, g, f)
       for s in (0, 90) for g in (0, 2, 8) for f in range(4)},
    "noise": np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8),
    "two greys": np.where(X < 0.3, 90, 200).astype(np.uint8),
    "one speck": np.where((Y == 0.5) & (X == 0.5), 0, 255).astype(np.uint8),
    "specks": np.where(np.random.default_rng(0).random(Y.shape) < 0.002, 0, 230).astype(np.uint8),
    "frame": np.pad(np.full((192, 152), 230, np.uint8), 4),
    "table beside the page": np.where(X < 0.1, 30, 220).astype(np.uint8),
    "a ruled line": np.where(np.abs(Y - 0.5) < 0.01, 60, 225).astype(np.uint8),
    "soft shadow of a hand": (225 - 50 * np.exp(-((Y - 0.6) ** 2 + (X - 0.3) ** 2) / 0.02)).astype(
        np.uint8
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BLANK)
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_without_ink_says_so(name, dark):
    for picture in (255 - BLANK[name] if dark else BLANK[name],):
        with pytest.raises(ValueError, match="nothing is drawn that stands out from the paper"):
            preprocess_digit(picture)


@pytest.mark.parametrize("form", range(4))
@pytest.mark.parametrize("grain", [0, 8])
@pytest.mark.parametrize("shade", [0, 80])
def test_digits_on_uneven_grainy_paper_are_mnists_own(shade, grain, form):
    images, _ = load_mnist("test")
    for index in (0, 1, 8):
        digit = images[index]
        ink = np.asarray(Image.fromarray(digit).resize((110, 110), Image.Resampling.BICUBIC)) / 255
        picture = page(shade, grain, form).astype(float)
        picture[90:200, 50:160] *= 1 - 0.8 * ink
        want = preprocess_digit(digit)
        for given in (picture, 255 - picture):
            found = preprocess_digit(given.astype(np.uint8))
            assert alike(want, found, 1) > 0.93, index


def test_mnists_own_digits_come_back_as_they_were():
    """A digit of the set, shown large, is centred to within a pixel of how the set has it."""
    images, _ = load_mnist("test")
    scores = []
    for digit in images[:20]:
        found = preprocess_digit(np.kron(255 - digit, np.ones((6, 6), np.uint8)))
        scores.append(alike({"centred in 28×28": digit}, found, 1))
    assert np.median(scores) > 0.95 and min(scores) > 0.85


def test_ink_counts_and_what_lies_around_it_does_not():
    want = preprocess_digit(seven())
    table = np.full((400, 400), 30, np.uint8)  # paper on a dark table
    table[100:300, 100:300] = seven()
    speck = seven().copy()
    speck[5:8, 180:183] = 0
    ruled = seven(size=200).copy()
    ruled[190:192] = 60
    blurred = np.asarray(Image.fromarray(seven()).filter(ImageFilter.GaussianBlur(2)))
    cut = seven()[40:135, 55:125]  # the pen's edge at the picture's edge
    for name, picture in {"table": table, "speck": speck, "ruled": ruled, "blurred": blurred,
                          "cut": cut}.items():  # fmt: skip
        assert alike(want, preprocess_digit(picture), 1) > 0.9, name


def test_damaged_pictures_are_refused_in_one_kind_of_error_or_shown():
    base = Image.fromarray(seven()).convert("RGB")
    rng, refused = np.random.default_rng(0), 0
    for name in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"):
        for _, content in mutations(saved(base, name).getvalue(), rng, 60):
            try:
                picture = load_image(content, "L")
            except ValueError as error:
                refused += 1
                assert "expected" in str(error)
            else:
                assert picture.mode == "L" and 0 not in picture.size
    assert refused > 100
