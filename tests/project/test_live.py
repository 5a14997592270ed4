"""The live figures in a browser: the same values as nndl, by mouse, finger and keyboard."""

import numpy as np
import paddle
import pytest

import nndl
from nndl import dataset
from nndl.analysis.receptive_field import receptive_field
from nndl.runner.saving.checkpoint import read_file
from tests.conftest import ROOT
from tests.lab import chromium

from .conftest import SHOTS

PAGES = {
    "conv": "_pages/notebooks/5.1_convolution/two-dimensional-convolution.html",
    "field": "_pages/notebooks/5.1_convolution/two-dimensional-convolution.html",
    "im2col": "_pages/notebooks/5.2_basic_operators/the-convolution-operator.html",
    "lenet": "index.html",
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("site"),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]


def model(page, name):
    return page.locator(f'.nndl-live[data-live="{name}"]').element_handle()


def ask(page, name, call, argument=None):
    """What the figure's model answers: `call` is JavaScript with `m` and `x`."""
    return model(page, name).evaluate(
        f"(root, x) => {{ const m = root.model; return {call}; }}", argument
    )


SETTINGS = [
    (3, 1, 0, 1), (3, 2, 1, 1), (3, 1, 2, 2), (2, 3, 1, 3), (1, 2, 0, 1),
    (5, 1, 2, 1), (5, 1, 1, 1), (3, 3, 3, 2), (2, 2, 0, 1), (3, 1, 1, 3),
]  # fmt: skip


def test_the_playground_equals_nndl(open_page):
    page = open_page(PAGES["conv"])
    rng = np.random.default_rng(0)
    photo = np.array(
        page.evaluate("Array.from(nndlLive.bytes(nndlLive.data.photo))"), np.float32
    ).reshape(128, 128)
    assert photo.std() > 20
    for size, stride, padding, dilation in SETTINGS:
        X = rng.integers(0, 10, (7, 7)).astype(np.float32)
        W = (rng.integers(-8, 9, (size, size)) / 4).astype(np.float32)  # exact in binary
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        found = ask(
            page, "conv", "m.compute(x)", {"input": X.tolist(), "kernel": W.tolist(), **options}
        )
        for image, name, shape in ((X, "grid", "shape"), (photo, "photo", "photoShape")):
            right = nndl.conv2d(
                paddle.to_tensor(image[None, None]), paddle.to_tensor(W[None, None]), **options
            ).numpy()[0, 0]
            assert found[shape] == list(right.shape)
            np.testing.assert_array_equal(np.reshape(found[name], right.shape), right)


def test_the_playground_by_mouse_and_keys(open_page):
    page = open_page(PAGES["conv"])
    live = page.locator('.nndl-live[data-live="conv"]')
    output = live.locator('.nl-grid[aria-label="output"]')
    total = live.locator(".nl-sum")
    output.locator("td").nth(6).hover()
    assert total.inner_text().startswith("Y[1, 1] = ")
    assert live.locator('.nl-grid[aria-label="input"] td.nl-hit').count() == 9
    output.locator("td").nth(6).focus()
    page.keyboard.press("ArrowRight")
    assert total.inner_text().startswith("Y[1, 2] = ")
    terms = total.inner_text().split(" = ")
    assert eval(terms[1].replace("−", "-")) == float(terms[2].replace("−", "-"))
    before = ask(page, "conv", "m.compute().grid")
    live.locator('.nl-grid[aria-label="input"] td').nth(24).click()  # 9 becomes 0
    assert ask(page, "conv", "m.compute().grid") != before
    field = live.locator(".nl-kernel input").first
    field.fill("5")
    assert live.locator("select").input_value() == "your own"
    live.locator("select").select_option("blur (Gaussian)")
    assert (
        sum(
            float(v)
            for v in live.locator(".nl-kernel input").evaluate_all("a => a.map(i => i.value)")
        )
        == 1
    )
    slider = live.locator("input[type=range]").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert live.locator(".nl-note").first.inner_text().count("3") >= 1
    assert output.locator("td").count() == 9
    live.locator('.nl-picture[role="application"]').hover()
    assert total.inner_text().startswith("photo[")
    live.screenshot(path=SHOTS / "live-conv.png")


def test_the_playground_by_finger(open_page):
    page = open_page(PAGES["conv"], width=360, height=800, has_touch=True, is_mobile=True)
    live = page.locator('.nndl-live[data-live="conv"]')
    live.locator('.nl-grid[aria-label="output"] td').nth(7).tap()
    assert live.locator(".nl-sum").inner_text().startswith("Y[1, 2] = ")
    assert live.evaluate("n => n.scrollWidth <= n.clientWidth + 1")
    live.screenshot(path=SHOTS / "live-conv-phone.png")


def test_a_page_turned_dark_repaints(open_page):
    page = open_page(PAGES["conv"])
    cell = page.locator('.nndl-live[data-live="conv"] .nl-grid[aria-label="input"] td').first
    before = cell.evaluate("n => getComputedStyle(n).backgroundColor")
    page.evaluate("document.body.dataset.theme = 'dark'")
    page.wait_for_timeout(100)
    assert cell.evaluate("n => getComputedStyle(n).backgroundColor") != before


@pytest.mark.parametrize(
    "stack",
    [[(3, 1, 1)] * 2, [(3, 1, 1)] * 5, [(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1)],
     [(7, 2, 1), (3, 2, 1), (3, 1, 1)], [(3, 1, 1), (3, 1, 2), (3, 1, 4)]],
)  # fmt: skip
def test_receptive_fields_equal_nndl(open_page, stack):
    page = open_page(PAGES["field"])
    found = ask(page, "field", "m.fields(x)", stack)
    right = receptive_field(
        [{"kernel": k, "stride": stride, "dilation": dilation} for k, stride, dilation in stack]
    )
    r = jump = 1
    for (k, s, d), layer, reach in zip(stack, found["fields"], right, strict=True):
        r, jump = r + d * (k - 1) * jump, jump * s  # the formula of 5.1, once more by hand
        assert (layer["r"], layer["jump"]) == (r, jump) == (reach.field, reach.jump)
    assert f"{r} input cells" in found["told"]


def test_receptive_fields_by_hand(open_page):
    page = open_page(PAGES["field"])
    live = page.locator('.nndl-live[data-live="field"]')
    assert "5 input cells" in live.locator(".nl-sum").inner_text()
    live.get_by_text("＋ conv 3×3").click()
    assert "7 input cells" in live.locator(".nl-sum").inner_text()
    live.get_by_text("remove").click()
    live.locator("svg").focus()
    page.keyboard.press("ArrowDown")
    assert "layer 1" in live.locator(".nl-sum").inner_text()
    assert "3 input cells" in live.locator(".nl-sum").inner_text()
    live.locator("select").first.select_option("dilation 2, 2, 2")
    assert (
        "13 input cells from end to end (13×13 in two dimensions), 7 of them"
        in live.locator(".nl-sum").inner_text()
    )
    live.screenshot(path=SHOTS / "live-field.png")


def test_im2col_equals_nndl(open_page):
    page = open_page(PAGES["im2col"])
    live = page.locator('.nndl-live[data-live="im2col"]')
    found = ask(
        page, "im2col", "({X: [...m.X.values], W: [...m.W.values], matrix: m.matrix, Y: m.Y})"
    )
    X = np.array(found["X"], np.float32).reshape(1, 2, 3, 3)
    W = np.array(found["W"], np.float32).reshape(2, 2, 2, 2)
    right = nndl.conv2d(paddle.to_tensor(X), paddle.to_tensor(W)).numpy()
    unfold = paddle.nn.functional.unfold(paddle.to_tensor(X), 2).numpy()[0]
    np.testing.assert_array_equal(found["matrix"], unfold)
    np.testing.assert_array_equal(np.array(found["Y"]).reshape(right.shape), right)
    np.testing.assert_array_equal(W.reshape(2, -1) @ unfold, right.reshape(2, -1))
    for _ in range(3):
        live.get_by_label("next step").click()
    assert f"= {int(right[0, 0, 0, 0])}" in live.locator(".nl-sum").inner_text().replace("−", "-")
    live.locator('.nl-grid[aria-label="product"] td').nth(6).hover()
    assert "Y[1, 1, 0]" in live.locator(".nl-sum").inner_text()
    live.get_by_text("play").click()
    page.wait_for_timeout(1200)
    assert "pause" in live.locator("button").nth(1).inner_text()
    live.get_by_text("pause").click()
    live.screenshot(path=SHOTS / "live-im2col.png")


def test_f_2_3_gives_the_two_sums(open_page, built):
    """The figure stands on a page of its own here, wherever the chapter shows it."""
    page = open_page(PAGES["im2col"])
    static = "../../../_static/live"
    page.evaluate("""() => document.querySelector('article').insertAdjacentHTML('beforeend',
        '<div class="nndl-live" data-live="winograd" data-title="F(2, 3)"></div>')""")
    page.add_script_tag(url=f"{page.url.rpartition('/')[0]}/{static}/winograd.js")
    rng = np.random.default_rng(1)
    for _ in range(20):
        d, g = rng.integers(-9, 10, 4).tolist(), rng.integers(-9, 10, 3).tolist()
        found = ask(page, "winograd", "m.compute(x)", {"d": d, "g": g})
        assert found["y"] == found["direct"] == np.correlate(d, g, "valid").tolist()
        assert len(found["m"]) == 4
    live = page.locator('.nndl-live[data-live="winograd"]')
    live.locator("input").first.fill("10")
    assert "the same" in live.locator(".nl-sum").inner_text()
    live.screenshot(path=SHOTS / "live-winograd.png")


# ------------------------------------------------------------------------------------ LeNet
@pytest.fixture(scope="module")
def lenet():
    network = nndl.LeNet(1)
    arrays, _ = read_file(ROOT / "data" / "weights" / "lenet-mnist.safetensors")
    network.set_state_dict({name: paddle.to_tensor(array) for name, array in arrays.items()})
    network.eval()
    return network


def test_lenet_gives_the_logits_of_nndl(open_page, lenet):
    """Half precision against single: within 1e-2, and the same class, for the ten test digits."""
    images, labels = dataset.load_mnist("test")
    page = open_page(PAGES["lenet"])
    worst = 0
    for digit in range(10):
        image = images[np.flatnonzero(labels == digit)[0]]
        x = dataset.Normalize(127.5, 127.5)(dataset.Resize(32)(image)[None])
        right = lenet(paddle.to_tensor(x[None])).numpy()[0]
        found = np.array(ask(page, "lenet", "m.logits(x)", digit))
        worst = max(worst, np.abs(found - right).max())
        assert found.argmax() == right.argmax()
        assert page.locator(".nndl-live .nl-best span").first.inner_text() == str(right.argmax())
    assert worst < 1e-2


def test_every_layer_of_lenet_is_nndls(open_page, lenet):
    images, labels = dataset.load_mnist("test")
    image = images[np.flatnonzero(labels == 4)[0]]
    page = open_page(PAGES["lenet"])
    ask(page, "lenet", "m.logits(4)")
    found = ask(page, "lenet", "m.layers()")
    X = paddle.to_tensor(dataset.Normalize(127.5, 127.5)(dataset.Resize(32)(image)[None])[None])
    relu = paddle.nn.functional.relu
    steps = [
        ("conv1", lambda x: relu(lenet.conv1(x))), ("pool2", lenet.pool2),
        ("conv3", lambda x: relu(lenet.conv3(x))), ("pool4", lenet.pool4),
        ("conv5", lambda x: relu(lenet.conv5(x))),
        ("linear6", lambda x: relu(lenet.linear6(x.flatten(1)))), ("linear7", lenet.linear7),
    ]  # fmt: skip
    for name, step in steps:
        X = step(X)
        np.testing.assert_allclose(found[name], X.numpy().ravel(), atol=1e-2, err_msg=name)


STEPS = {
    "cropped": "cropped to the ink",
    "small": "ink fits 20×20",
    "centred": "centred in 28×28",
    "resized": "resized to 32×32",
}


def drawings():
    """Black ink on the pad's blank paper, as fingers leave it."""
    rows, columns = np.indices((256, 256)) - 128.0
    soft = {
        "zero": 10 - np.abs(np.hypot(rows, columns * 1.5) - 75),
        "one": 11 - np.abs(columns + 40 - rows / 7) - np.clip(np.abs(rows) - 80, 0, None),
        "small": 9 - np.abs(np.hypot(rows - 60, columns - 50) - 24),
        "two strokes": np.maximum(
            8 - np.abs(columns + 30) - np.clip(np.abs(rows) - 70, 0, None),
            8 - np.abs(columns - 45) - np.clip(np.abs(rows - 5) - 70, 0, None),
        ),
    }
    return [(name, np.round(255 * np.clip(0.5 - far, 0, 1))) for name, far in soft.items()]


@pytest.mark.parametrize(("name", "picture"), drawings())
def test_a_drawing_is_prepared_as_nndl_does(open_page, name, picture):
    picture = picture.astype(np.uint8)
    page = open_page(PAGES["lenet"])
    found = ask(page, "lenet", "m.prepare(x, 256)", picture.ravel().tolist())
    right = dataset.preprocess_digit(picture)
    for ours, theirs in STEPS.items():
        made = np.reshape(found[ours]["values"], (-1, found[ours]["columns"]))
        assert made.shape == right[theirs].shape, ours
        assert np.abs(made - right[theirs].astype(int)).max() <= 1, ours  # Pillow's versions round


def test_nothing_drawn_is_said(open_page):
    page = open_page(PAGES["lenet"])
    assert ask(page, "lenet", "m.prepare(x, 28)", [255] * 784) is None
    page.get_by_text("清空 clear").click()
    assert "空白" in page.locator(".nndl-live .nl-sum").inner_text()


def draw_seven(page):
    box = page.locator(".nl-pad-canvas").bounding_box()
    points = [(0.25, 0.2), (0.72, 0.2), (0.6, 0.45), (0.45, 0.82)]
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    seen = []
    for x, y in at[1:]:
        page.mouse.move(x, y, steps=5)
        page.wait_for_timeout(80)
        seen.append(page.locator(".nndl-live .nl-bars").inner_text())
    page.mouse.up()
    return seen


def test_each_stroke_recomputes(open_page):
    page = open_page(PAGES["lenet"])
    page.get_by_text("清空 clear").click()
    seen = draw_seven(page)
    assert len(set(seen)) == 3, "the probabilities change with every stroke"
    assert "prediction: 7" in page.locator(".nndl-live .nl-sum").inner_text()
    page.locator(".nndl-live").screenshot(path=SHOTS / "live-lenet.png")


def test_shifting_shows_equivariance_and_its_limits(open_page):
    page = open_page(PAGES["lenet"])
    pad = page.locator(".nl-pad-canvas")
    pad.focus()
    still = ask(page, "lenet", "m.layers()")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    moved = ask(page, "lenet", "m.layers()")
    for name, shape, by in (
        ("conv1", (6, 28, 28), 2),
        ("pool2", (6, 14, 14), 1),
        ("conv3", (16, 10, 10), 1),
    ):
        a, b = (np.reshape(layers[name], shape) for layers in (still, moved))
        np.testing.assert_allclose(b[:, :, by:], a[:, :, :-by], atol=1e-12)
    said = page.locator(".nndl-live .nl-note").first.inner_text()
    assert said.count("exactly") == 3
    assert "no whole cells" in said
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    assert (
        np.abs(np.array(ask(page, "lenet", "m.layers()")["linear7"]) - still["linear7"]).max() > 5
    )


def test_any_value_shows_what_made_it(open_page):
    page = open_page(PAGES["lenet"])
    live = page.locator(".nndl-live")
    title = live.locator(".nl-detail h4")
    for name in (
        "conv1, map 2",
        "pool2, map 1",
        "conv3, map 9",
        "pool4, map 3",
        "conv5",
        "linear6",
        "linear7",
    ):
        picture = live.locator(f'.nl-picture[aria-label^="{name}"]')
        picture.focus()
        page.keyboard.press("ArrowLeft")
        assert title.inner_text().startswith(name.split(",")[0] + "[")
    live.locator('.nl-picture[aria-label^="conv3, map 9"]').focus()
    page.keyboard.press("ArrowDown")
    numbers = [
        float(t)
        for t in title.inner_text().replace("−", "-").replace(")", "").split()
        if t.lstrip("-").replace(".", "").isdigit()
    ]
    total, bias, value = numbers[-3:]
    assert value == pytest.approx(max(total + bias, 0), abs=2e-3)
    assert live.locator(".nl-strips figure").count() == 3
    assert live.locator(".nl-strips figure").first.locator("canvas").count() == 6


def test_lenet_by_finger_on_a_phone(open_page):
    page = open_page(PAGES["lenet"], width=360, height=800, has_touch=True, is_mobile=True)
    live = page.locator(".nndl-live")
    live.get_by_label("test digit 3", exact=True).first.tap()
    assert "prediction: 3" in live.locator(".nl-sum").inner_text()
    picture = live.locator('.nl-picture[aria-label^="conv1, map 4"] canvas')
    picture.tap()
    assert live.locator(".nl-detail h4").inner_text().startswith("conv1[4")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    live.screenshot(path=SHOTS / "live-lenet-phone.png")
