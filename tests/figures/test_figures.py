"""Figures: their records and numbers, legible labels, and one showing in a notebook."""

import types
from pathlib import Path

import matplotlib as mpl
import nbformat
import numpy as np
import paddle
import pytest

from nndl import analysis, figures, tools
from nndl.figures import style
from nndl.metric import ConfusionMatrix
from nndl.networks.lenet import LeNet


def runner(steps=60, seed=0):
    noise = np.random.default_rng(seed).random(steps)
    return types.SimpleNamespace(
        train_step_losses=[(i, 2.3 * 0.95**i + 0.1 * noise[i]) for i in range(steps)],
        train_epoch_losses=[1.0],
        dev_losses=[(i, 2.3 * 0.95**i) for i in range(9, steps, 10)],
        dev_scores=[1 - 0.9 * 0.95**i for i in range(9, steps, 10)],
    )


def matrices():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (12, 28, 28), dtype=np.uint8), rng.standard_normal((12, 10))


IMAGES, LOGITS = matrices()
LABELS = np.arange(12) % 10
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
GRID = np.linspace(-1, 1, 9)
_ROWS = {"one change": (4.0, 1.0), "another change": (-1.0, 2.0), "a single run": (2.0, np.nan)}
EFFECTS = {"dev accuracy": _ROWS, "train − dev": _ROWS}
EVERY = {
    "plot": lambda: figures.plot(runner()),
    "plot_acc": lambda: figures.plot_training_loss_acc(runner()),
    "compare": lambda: figures.compare_runs({"a": [runner(), runner(seed=1)], "b": runner()}),
    "gradients": lambda: figures.gradient_norms({"a": [0.1, 0.2, 0.3], "b": [1, 1, 1]}),
    "gradients of seeds": lambda: figures.gradient_norms({"a": [{"w": 0.1, "v": 0.2}] * 2}),
    "times": lambda: figures.times({"loops": (900, 800, 1000), "ours": (2, 1, 3)}),
    "times grouped": lambda: figures.times({"a": {"forward": 1, "backward": 20}}),
    "connections": figures.connections,
    "connections 2-D": figures.connections_2d,
    "flip": figures.flip,
    "worked": lambda: figures.worked_example(np.arange(1, 10).reshape(3, 3), [[0, 1], [2, 3]]),
    "geometry": lambda: figures.geometry({"stride 2": {"stride": 2}, "dilated": {"dilation": 2}}),
    "kinds": figures.convolution_kinds,
    "channels": figures.channels,
    "matrix": lambda: figures.matrix({"W": np.eye(3), "rotated": np.eye(3)[::-1]}),
    "edges": lambda: figures.edges(IMAGES[0], {"flip": -1.0 * IMAGES[0], "same": IMAGES[1]}),
    "responses": lambda: figures.response_histogram({"a": LOGITS, "b": 2 * LOGITS}),
    "signals": lambda: figures.signals({"ramp": GRID, "square": GRID**2}, marks=[4]),
    "pooling": lambda: figures.pooling(IMAGES[0]),
    "grid": lambda: figures.image_grid(IMAGES, LABELS, NAMES),
    "classes": lambda: figures.class_histogram({"train": LABELS, "test": LABELS[:5]}, NAMES),
    "steps": lambda: figures.steps({"grey": IMAGES[0], "float": IMAGES[1] / 255}),
    "confusion": lambda: figures.confusion_matrix(np.eye(10, dtype=int) * 5, NAMES),
    "accuracy": lambda: figures.class_accuracy(np.linspace(0.1, 1, 10), NAMES),
    "mistakes": lambda: figures.worst_mistakes(IMAGES, LOGITS, LABELS, NAMES),
    "prediction": lambda: figures.prediction(IMAGES[0], LOGITS[0], NAMES, 3),
    "cam": lambda: figures.grad_cam_overlay(IMAGES[:3], IMAGES[3:6] / 255, ["a", "b", "c"]),
    "im2col": lambda: figures.im2col(np.arange(18).reshape(2, 3, 3), np.ones((2, 2, 2))),
    "side by side": lambda: figures.maps_side_by_side({"a": IMAGES[:3], "b": -1.0 * IMAGES[:3]}),
    "work": lambda: figures.work_and_time({"loops": (9e6, 99), "im2col": (9e6, 1)}, "im2col"),
    "effects": lambda: figures.effects(EFFECTS, "change (points)"),
    "curves with spread": lambda: figures.curves(
        {"a": ([1, 10], [[2, 3], [3, 4]]), "b": ([1, 10], [1, 2])}, "rate", "loss", log_x=True
    ),
    "field": lambda: figures.receptive_field_layers([3, {"kernel": 2, "stride": 2}, 3]),
    "field map": lambda: figures.receptive_field_map(np.eye(9), 9),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_axes_is_labelled_and_no_text_is_clipped(name):
    figure = EVERY[name]()
    assert figure.alt
    figure.canvas.draw()
    page = figure.bbox.padded(1)
    for axes in figure.axes:
        if axes.axison and axes.get_xticks().size:
            sharing = axes.get_shared_x_axes().get_siblings(axes)  # one label below stacked panels
            assert any(a.get_xlabel() for a in sharing) or axes.get_label() == "<colorbar>"
        if axes.axison and axes.get_yticks().size:
            named = any(not _is_number(t.get_text()) for t in axes.get_yticklabels())
            assert axes.get_ylabel() or named or axes.get_subplotspec().colspan.start
        assert axes.has_data() or axes.patches or axes.texts or not axes.axison
    for text in written(figure):
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and box.x1 <= page.x1, text.get_text()
        assert page.y0 <= box.y0 and box.y1 <= page.y1, text.get_text()


def _is_number(text):
    return text.replace("−", "-").replace(".", "").lstrip("-").isdigit() or "$" in text


def written(figure):
    """Titles, labels, notes and legends; tick labels that matplotlib draws."""
    texts = [*figure.texts, figure._suptitle]
    legends = [*figure.legends]
    for axes in figure.axes:
        texts += [axes.title, *axes.texts]
        legends.append(axes.get_legend())
        if axes.axison:
            texts += [axes.xaxis.label, axes.yaxis.label]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
                texts += [tick.label1 for tick in ticks]
    texts += [text for legend in legends if legend for text in legend.get_texts()]
    return [text for text in texts if text is not None and text.get_text()]


_LONG = [*NAMES[:-1], "articulated lorry"]
_SURE = 20 * np.eye(10)[[9] * 12]
LONG_TITLES = {
    "sure": lambda: figures.worst_mistakes(IMAGES[:9], _SURE[:9], LABELS[:9], _LONG),
    "long names": lambda: figures.image_grid(IMAGES, [9] * 12, _LONG),
    "long steps": lambda: figures.steps({f"{name} at last": IMAGES[0] for name in _LONG}),
    "long cam": lambda: figures.grad_cam_overlay(
        IMAGES[:6], IMAGES[:6] / 255, figures.prediction_titles(_SURE[:6], LABELS[:6], _LONG)
    ),
}


@pytest.mark.parametrize(
    "name", ["compare", "confusion", "times", "mistakes", "classes", *LONG_TITLES]
)
def test_titles_do_not_overlap(name):
    figure = (EVERY | LONG_TITLES)[name]()
    figure.canvas.draw()
    boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width  # and none is cut off


def test_im2col_gives_a_window_one_colour_everywhere():
    X, W = np.arange(9.0).reshape(1, 3, 3), np.array([[[0.0, 1], [2, 3]]])
    (axes,) = figures.im2col(X, W).axes
    numbers = [text.get_text() for text in axes.texts]
    for value in ("19", "25", "37", "43"):  # by hand: 0·0 + 1·1 + 3·2 + 4·3 = 19, and so on
        assert value in numbers
    outlines = [p.get_edgecolor() for p in axes.patches if not p.get_fill()]
    assert len(set(outlines)) == 4


def test_matrix_is_darker_where_numbers_are_larger():
    (axes,) = figures.matrix(np.array([[0, 1, -2, 3]])).axes
    brightness = [sum(patch.get_facecolor()[:3]) for patch in axes.patches]
    assert brightness[0] > brightness[1] > brightness[2] > brightness[3]


def test_small_losses_stand_on_a_logarithmic_axis():
    records = runner()
    assert figures.plot(records).axes[0].get_yscale() == "linear"
    records.dev_losses = [(step, loss / 10) for step, loss in records.dev_losses]
    assert figures.plot(records).axes[0].get_yscale() == "log"


def test_compared_runs_share_the_steps_they_show():
    loss, score = figures.compare_runs({"a": runner()}, epoch=10).axes
    assert loss.get_xlim() == score.get_xlim() and loss.get_xlabel() == "epoch"
    assert score.lines[0].get_xdata()[0] == 0.9


def test_plot_draws_the_records():
    records = runner()
    loss, score = figures.plot(records).axes
    drawn = {line.get_label(): line.get_xydata() for line in loss.lines}
    assert np.allclose(drawn["training loss"], records.train_step_losses)
    assert np.allclose(drawn["dev loss"], records.dev_losses)
    assert np.allclose(score.lines[0].get_ydata(), records.dev_scores)
    assert np.allclose(score.lines[0].get_xdata(), [step for step, _ in records.dev_losses])


def test_plot_training_loss_acc_samples_and_takes_the_books_arguments():
    figure = figures.plot_training_loss_acc(
        runner(),
        fig_size=(16, 6),
        sample_step=20,
        loss_legend_loc="lower left",
        acc_legend_loc="lower right",
        train_color="#8E004D",
        dev_color="#E20079",
        fontsize="x-large",
        train_linestyle="-",
        dev_linestyle="--",
    )
    assert figure.get_size_inches().tolist() == [16, 6]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [0, 20, 40]
    with pytest.raises(ValueError, match="sample_step must be at least 1, got 0"):
        figures.plot_training_loss_acc(runner(), sample_step=0)


def test_plot_writes_a_pdf_and_its_folder(tmp_path):
    target = tmp_path / "new" / "folder" / "loss.pdf"
    figures.plot(runner(), fig_name=str(target))
    assert target.read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="must end in one of"):
        figures.plot(runner(), fig_name=str(tmp_path / "loss.docx"))


@pytest.mark.parametrize(
    "draw", [figures.plot, figures.plot_training_loss_acc, tools.plot_training_loss]
)
def test_what_was_not_recorded_is_not_drawn(draw, tmp_path):
    part = runner()
    part.dev_scores, part.dev_losses = [], []
    (axes,) = draw(part, str(tmp_path / "a.b" / "loss")).axes
    assert [line.get_label() for line in axes.lines] == ["training loss"]
    assert (tmp_path / "a.b" / "loss.png").read_bytes().startswith(b"\x89PNG")
    part.train_step_losses = []
    with pytest.raises(ValueError, match="train_step_losses, got none"):
        draw(part)
    with pytest.raises(TypeError, match="train_step_losses"):
        draw(object())


def test_scores_of_training_are_drawn_at_the_ends_of_the_epochs():
    trained = runner()
    trained.train_scores = [0.5, 0.75]
    lines = {line.get_label(): line for line in figures.plot(trained).axes[1].lines}
    assert lines["training score"].get_ydata().tolist() == [0.5, 0.75]
    steps = len(trained.train_step_losses)
    assert lines["training score"].get_xdata().tolist() == [steps / 2 - 1, steps - 1]


@pytest.mark.parametrize(
    "draw",
    [
        lambda palette: figures.compare_runs({"a": runner(), "b": runner(seed=1)}, palette=palette),
        lambda palette: figures.gradient_norms({"a": [1, 2], "b": [2, 1]}, palette=palette),
        lambda palette: figures.curves(
            {"a": ([1, 2], [2, 1]), "b": ([1, 2], [1, 2])}, "x", "y", palette=palette
        ),
    ],
)
def test_a_setting_keeps_its_colour_from_figure_to_figure(draw):
    palette = [style.GREEN, style.VERMILLION]
    for axes in draw(palette).axes:
        assert [line.get_color() for line in axes.lines] == palette
    with pytest.raises(ValueError, match="palette of 2 colours"):
        draw(palette[:1])


def test_effects_are_full_where_the_interval_leaves_0_out():
    axes = figures.effects(EFFECTS, "change (points)").axes
    marks = [line for line in axes[0].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in marks] == [4.0, -1.0, 2.0]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [False, True, True]
    ends = [path.vertices[:, 0] for c in axes[0].collections for path in c.get_paths()]
    np.testing.assert_allclose(ends[:2], [[3, 5], [-3, 1]])
    assert axes[0].yaxis_inverted()  # the first row is on top


def test_a_row_of_effects_stands_at_one_height_in_every_panel():
    named = {"a": {"x": (0, 1), "y": (5, 1)}, "b": {"y": (1, 1), "z": (3, 1), "x": (2, 1)}}
    left, right = figures.effects(named, "change (points)").axes
    marks = [
        {
            line.get_ydata()[0]: line.get_xdata()[0]
            for line in axes.lines
            if line.get_marker() == "o"
        }
        for axes in (left, right)
    ]
    assert [t.get_text() for t in left.get_yticklabels()] == ["x", "y", "z"]
    assert marks == [{0: 0, 1: 5}, {0: 2, 1: 1, 2: 3}]
    assert right.get_ylim() == left.get_ylim()
    with pytest.raises(ValueError, match="at least one row"):
        figures.effects({"a": {}}, "change")


def test_the_band_spans_the_seeds():
    figure = figures.compare_runs({"a": [runner(seed=s) for s in range(3)]}, window=1)
    losses = np.array([[v for _, v in runner(seed=s).train_step_losses] for s in range(3)])
    axes = figure.axes[0]
    assert np.allclose(axes.lines[0].get_ydata(), losses.mean(axis=0))
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert np.isclose(heights.min(), losses.min()) and np.isclose(heights.max(), losses.max())


def test_worst_mistakes_come_surest_first_and_need_a_mistake():
    logits = np.zeros((3, 10))
    logits[0, 1], logits[1, 2], logits[2, 3] = 2, 5, 9  # the last one is right
    figure = figures.worst_mistakes(IMAGES[:3], logits, [0, 0, 3])
    share = [np.exp(k) / (np.exp(k) + 9) for k in (5, 2)]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert [f"({s:.1%})" in t for s, t in zip(share, titles, strict=True)] == [True, True]
    with pytest.raises(ValueError, match="at least one mistake"):
        figures.worst_mistakes(IMAGES[2:3], logits[2:], [3])


def test_gradient_norms_are_those_of_backward():
    paddle.seed(0)
    model, X, y = LeNet(operators="paddle"), paddle.randn([4, 1, 32, 32]), paddle.arange(4)
    norms = analysis.gradient_norms_of(model, X, y)
    paddle.nn.functional.cross_entropy(model(X), y).backward()
    assert list(norms) == ["conv1.weight", "conv3.weight", "conv5.weight"]
    expected = np.linalg.norm(model.conv3.weight.grad.numpy())
    assert np.isclose(norms["conv3.weight"], expected, rtol=1e-5)


def test_layer_output_is_what_the_layer_computes():
    paddle.seed(0)
    model, X = LeNet(operators="paddle"), paddle.randn([1, 1, 32, 32])
    model.train()
    assert np.allclose(analysis.layer_output(model, "conv1", X), model.conv1(X), atol=1e-6)
    assert model.training and not model.conv1._forward_post_hooks
    with pytest.raises(ValueError, match="no layer 'conv9' in the model; it has conv1"):
        analysis.layer_output(model, "conv9", X)


class Averaged(paddle.nn.Layer):
    """conv → mean over the map → linear: Grad-CAM has a closed form here."""

    def __init__(self):
        super().__init__()
        self.conv, self.linear = paddle.nn.Conv2D(1, 3, 3), paddle.nn.Linear(3, 4)

    def forward(self, X):
        return self.linear(self.conv(X).mean(axis=[2, 3]))


def test_grad_cam_equals_the_closed_form_and_leaves_gradients_alone():
    paddle.seed(1)
    model, X = Averaged(), paddle.randn([2, 1, 8, 8])
    model(X).sum().backward()
    before = model.linear.weight.grad.numpy().copy()
    heat, logits = analysis.grad_cam(model, "conv", X, classes=[1, 3])
    weights = model.linear.weight.numpy()[:, [1, 3]].T  # class activation map, Zhou 2016
    expected = np.maximum(np.einsum("np,npij->nij", weights, model.conv(X).numpy()), 0)
    expected /= expected.max(axis=(1, 2), keepdims=True)
    assert np.allclose(heat, expected, atol=1e-5)
    assert np.allclose(logits, model(X).numpy(), atol=1e-6)
    assert np.array_equal(model.linear.weight.grad.numpy(), before)
    with pytest.raises(ValueError, match="expected a layer with maps"):
        analysis.grad_cam(model, "linear", X)


def test_the_style_touches_nothing_outside():
    before = dict(mpl.rcParams)
    figures.connections()
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in style.Figure.__module__


def test_the_style_file_holds_the_palette_and_serves_matplotlib_too():
    path = Path(style.__file__).with_name("nndl.mplstyle")
    with mpl.style.context(str(path)):
        assert (
            mpl.rcParams["axes.titlesize"] == 12 and mpl.rcParams["figure.constrained_layout.use"]
        )
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        assert [mpl.colors.to_hex(c) for c in cycle] == [c.lower() for c in style.CYCLE]
        for name in ("text.color", "axes.labelcolor", "axes.titlecolor"):
            assert mpl.colors.to_hex(mpl.rcParams[name]) == style.BLACK
        assert mpl.rcParams["image.cmap"] == style.IMAGE


def contrast(color, other="#FFFFFF"):
    """Ratio of relative luminances, WCAG 2."""

    def luminance(c):
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in c]
        return np.dot(parts, (0.2126, 0.7152, 0.0722))

    pair = sorted(luminance(mpl.colors.to_rgb(c)) for c in (color, other))
    return (pair[1] + 0.05) / (pair[0] + 0.05)


def test_text_and_first_lines_stand_out_from_white():
    assert contrast(style.BLACK) > 7 and contrast(style.GRAY) > 4.5
    assert all(contrast(color) > 3 for color in (style.TRAIN, style.DEV, style.TEST))


CELLS = {
    "from nndl import figures": 0,
    "figures.connections()": 1,
    "figure = figures.connections()": 1,
    "figures.connections()\n1 + 1": 1,
    "figure": 1,
    "figures.connections()\nfigures.flip()": 2,
}


def test_a_notebook_shows_a_figure_once(tmp_path):
    import nbclient

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell, expected in zip(notebook.cells, CELLS.values(), strict=True):
        shown = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        assert len(shown) == expected, cell.source
        assert all("Neurons" in o.data["text/plain"] or "flip" in cell.source for o in shown)
        assert not [o for o in cell.outputs if o.get("name") == "stderr"]


def test_one_column_of_logits_is_two_classes_in_every_figure():
    z = np.array([[2.0], [-1.0], [0.5]])
    share = 1 / (1 + np.exp(-z[:, 0]))
    titles = figures.prediction_titles(z, [1, 1, 0], ["no", "yes"])
    assert titles == [
        f"yes {share[0]:.1%}",
        f"no {1 - share[1]:.1%}\n(true: yes)",
        f"yes {share[2]:.1%}\n(true: no)",
    ]
    wrong = [a.get_title() for a in figures.worst_mistakes(IMAGES[:3], z, [1, 1, 0]).axes]
    assert [t for t in wrong if t] == [
        f"true: 1 ({share[1]:.1%})\ntaken for 0 ({1 - share[1]:.1%})",
        f"true: 0 ({1 - share[2]:.1%})\ntaken for 1 ({share[2]:.1%})",
    ]
    bars = figures.prediction(IMAGES[0], z[0], ["no", "yes"]).axes[1].patches
    np.testing.assert_allclose(
        [b.get_width() for b in bars], [100 * share[0], 100 - 100 * share[0]]
    )


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_draws_the_same_numbers(kind):
    logits = paddle.to_tensor([[2.0, -1.0, 0.5], [0.25, 4.0, -2.0]])
    assert figures.prediction_titles(logits.astype(kind)) == figures.prediction_titles(logits)
    maps = paddle.ones([2, 3, 3]) * 1.5
    drawn = [
        figures.maps_side_by_side({"a": m}).axes[0].images[0].get_array()
        for m in (maps, maps.astype(kind))
    ]
    np.testing.assert_array_equal(*drawn)


def test_an_absent_class_has_no_bar_and_is_in_no_mean():
    counts = ConfusionMatrix(3, ["cat", "dog", "ship"])
    counts.update(np.eye(3)[[0, 1, 1, 1]], [0, 0, 1, 1])  # no ship; half of the cats
    recalls = np.array([row["recall"] for row in counts.per_class()])
    for given in (counts, recalls):
        axes = figures.class_accuracy(given).axes[0]
        assert axes.get_title() == "mean 75.0%"
        assert [t.get_text() for t in axes.texts] == ["100.0%", "50.0%", "no samples"]


_NAN = np.where(IMAGES > 250, np.nan, IMAGES)
_ONE_HOT = np.eye(10)[LABELS]
REFUSED = {
    "pixel nan": (lambda: figures.image_grid(_NAN), "that are nan or infinite"),
    "pixel inf": (lambda: figures.image_grid(np.where(IMAGES > 250, np.inf, 1)), "nan or infinite"),
    "no image": (lambda: figures.image_grid([]), "got none"),
    "columns": (lambda: figures.image_grid(IMAGES, columns=0), "columns must be at least 1"),
    "two labels": (lambda: figures.image_grid(IMAGES, [1, 2]), "expected 12 labels"),
    "label -1": (lambda: figures.image_grid(IMAGES, LABELS - 1, NAMES), "lie in 0…9, got -1…8"),
    "label 1.5": (lambda: figures.image_grid(IMAGES, LABELS + 0.5, NAMES), "fractions such as 0.5"),
    "few names": (lambda: figures.image_grid(IMAGES, LABELS, NAMES[:3]), "lie in 0…2, got 0…9"),
    "shares": (lambda: figures.confusion_matrix(np.eye(3) * 0.5), "must be counts, got fractions"),
    "negative": (lambda: figures.confusion_matrix(-np.eye(3)), "at least 0, got -1"),
    "counts nan": (lambda: figures.confusion_matrix(np.eye(3) * np.nan), "9 of 9 that are nan"),
    "not square": (
        lambda: figures.confusion_matrix(np.ones((3, 4))),
        r"\[K, K\], got shape \[3, 4",
    ),
    "cm names": (lambda: figures.confusion_matrix(np.eye(3), ["a"]), "3 class_names, got 1"),
    "one-hot": (lambda: figures.class_histogram({"a": _ONE_HOT}), r"\[12, 10\]; of one-hot rows"),
    "class 1.5": (lambda: figures.class_histogram({"a": [0, 1.5]}), "fractions such as 1.5"),
    "list": (lambda: figures.class_histogram([0, 1]), r"a dict, got list: pass {'train': labels}"),
    "no split": (lambda: figures.class_histogram({}), "at least one entry"),
    "few": (lambda: figures.class_histogram({"a": [5]}, NAMES[:2]), "6 class_names, got 2"),
    "20000": (lambda: figures.class_histogram({"a": [0, 20000]}), "1 to 1000, got 20001"),
    "per cent": (lambda: figures.class_accuracy([97, 88, 12]), "divide per cent by 100"),
    "text": (lambda: figures.class_accuracy(["a"]), "must be numbers, got text"),
    "batch": (lambda: figures.prediction(IMAGES[0], LOGITS), r"got shape \[12, 10\]: choose one"),
    "batch of images": (
        lambda: figures.prediction(IMAGES[:2, None], LOGITS[0]),
        "choose one image",
    ),
    "class 10": (lambda: figures.prediction(IMAGES[0], LOGITS[0], NAMES, 10), "lie in 0…9, got 10"),
    "class -1": (lambda: figures.prediction(IMAGES[0], LOGITS[0], None, -1), "lie in 0…9, got -1"),
    "class cat": (lambda: figures.prediction(IMAGES[0], LOGITS[0], NAMES, "cat"), "got text"),
    "logits nan": (lambda: figures.prediction(IMAGES[0], LOGITS[0] * np.nan), "did training"),
    "logits inf": (lambda: figures.prediction(IMAGES[0], [1, np.inf]), "must be finite"),
    "top": (lambda: figures.prediction(IMAGES[0], LOGITS[0], top=0), "top must be from 1"),
    "names": (lambda: figures.prediction(IMAGES[0], LOGITS[0], NAMES[:9]), "10 class_names, got 9"),
    "lengths": (
        lambda: figures.worst_mistakes(IMAGES, LOGITS[:5], LABELS[:5]),
        "expected 5 images",
    ),
    "labels": (lambda: figures.worst_mistakes(IMAGES, LOGITS, LABELS[:5]), "expected 12 labels"),
    "hot": (lambda: figures.worst_mistakes(IMAGES, LOGITS, _ONE_HOT), "of one-hot rows"),
    "count": (
        lambda: figures.worst_mistakes(IMAGES, LOGITS, LABELS, count=0),
        "count must be from 1",
    ),
    "titles": (lambda: figures.prediction_titles(LOGITS, LABELS[:3]), "expected 12 labels"),
    "heat 9": (lambda: figures.grad_cam_overlay(IMAGES, IMAGES), "from 0 to 1, got 0 to 25"),
    "heat < 0": (lambda: figures.grad_cam_overlay(IMAGES, IMAGES / -255), "from 0 to 1, got -0"),
    "heat nan": (lambda: figures.grad_cam_overlay(IMAGES, _NAN / 255), "nan or infinite"),
    "heats": (lambda: figures.grad_cam_overlay(IMAGES, IMAGES[:3] / 255), "expected 12 heat maps"),
    "one title": (lambda: figures.grad_cam_overlay(IMAGES, IMAGES / 255, ["a"]), "12 titles"),
    "field": (lambda: figures.receptive_field_map({"a": np.eye(9)}, {"b": 3}), r"has \['b'\]"),
    "channels": (
        lambda: figures.maps_side_by_side({"a": np.ones((16, 6, 5, 5))}),
        "choose one inp",
    ),
    "no maps": (lambda: figures.maps_side_by_side({}), "at least one entry"),
    "no steps": (lambda: figures.steps({}), "at least one entry"),
    "matrix": (lambda: figures.matrix([[1, np.nan]]), "1 of 2 that are nan"),
    "cells": (lambda: figures.matrix(np.ones((60, 60))), "from 1 to 1600, got 3600"),
    "no times": (lambda: figures.times({}), "at least one entry"),
    "order": (lambda: figures.times({"a": (1, 2, 3)}), r"\(median, lowest, highest\)"),
    "reference": (lambda: figures.work_and_time({"a": (3, 1)}, "b"), r"one of \['a'\], got 'b'"),
    "option": (lambda: figures.geometry({"a": {"strid": 2}}), r"settings\['a'\] has \['strid'\]"),
    "kernel": (lambda: figures.geometry({"a": {"kernel": 9}}), "the kernel covers 9×9"),
    "row": (lambda: figures.worked_example(np.eye(3), np.eye(2), row=5), "from 0 to 1, got 5"),
    "ragged": (lambda: figures.curves({"a": ([1, 2], [1, 2, 3])}, "x", "y"), r"\[2\] or \[seeds"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_drawn_wrong_is_refused_with_a_remedy(name):
    draw, message = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=message):
        draw()


def test_tensors_channels_and_lists_of_images_are_drawn_alike():
    heat = IMAGES[:2].astype("float32") / 255
    drawn = [
        [np.asarray(image.get_array()) for side in figure.axes[:4] for image in side.images]
        for figure in (
            figures.grad_cam_overlay(IMAGES[:2], heat),
            figures.grad_cam_overlay(paddle.to_tensor(IMAGES[:2]), paddle.to_tensor(heat)),
            figures.grad_cam_overlay(list(IMAGES[:2]), heat[:, None]),
        )
    ]
    for others in drawn[1:]:
        for one, other in zip(drawn[0], others, strict=True):
            np.testing.assert_array_equal(one, other)
    counts, names = np.eye(3, dtype=int), np.array(["a", "b", "c"])
    for figure in (
        figures.confusion_matrix(paddle.to_tensor(counts), names),
        figures.class_accuracy(paddle.to_tensor([0.5, 0.7, 0.9]), names, best_first=False),
    ):
        assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]
    bars = figures.class_histogram({"x": paddle.to_tensor([[0], [2]])}, names).axes[0].patches
    assert [bar.get_height() for bar in bars] == [1, 0, 1]
    label = paddle.to_tensor([3])
    figure = figures.prediction(IMAGES[:1, None], LOGITS[:1], NAMES, label)
    assert figure.axes[0].get_title() == "true: cat"
    sizes = [
        np.shape(s.images[0].get_array()) for s in figures.image_grid([IMAGES[0], GRID[None]]).axes
    ]
    assert sizes == [(28, 28), (1, 9)]


def test_norms_of_an_exploded_network_are_drawn_and_marked():
    norms = {"exploded": [1e3, 1e5, np.nan, np.inf, 0], "fine": [1, 2, 3, 4, 2]}
    (axes,) = figures.gradient_norms(norms).axes
    lines = {line.get_label(): line for line in axes.lines}
    marks = {kind: lines[kind] for kind in ("nan or infinite", "zero")}
    assert [lines["nan or infinite"].get_xdata().tolist(), lines["zero"].get_xdata().tolist()] == [
        [3, 4],
        [5],
    ]
    assert {line.get_color() for line in marks.values()} == {lines["exploded"].get_color()}
    assert axes.get_ylim() == (0.5, 2e5)
    (axes,) = figures.gradient_norms({"seeds": [[1, 2], [3, np.nan]]}).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [2, 2])  # of what is finite
    assert axes.lines[1].get_xdata().tolist() == [2]


def test_of_too_many_the_first_are_drawn_and_a_title_says_so():
    figure = figures.maps_side_by_side({"a": np.ones((512, 3, 3)), "b": np.ones((2, 3, 3))})
    assert figure.get_suptitle() == "maps: the first 32 of 512"
    assert sum(len(axes.images) for axes in figure.axes[:64]) == 34
    figure = figures.image_grid(np.ones((201, 2, 2)), range(201), columns=50)
    assert figure.get_suptitle() == "the first 200 of 201 images"
    assert [axes.get_title() for axes in figure.axes] == list(map(str, range(200)))


def test_every_program_has_a_point_however_many_there_are():
    points = {str(k): (k + 1, k + 1) for k in range(11)}  # more than the colours of the cycle
    assert len(figures.work_and_time(points).axes[0].lines) == 11


def test_a_long_name_leaves_room_for_the_bars():
    figure = figures.class_accuracy([0.1, 0.9], ["q" * 80, "dog"])
    figure.canvas.draw()
    assert figure.axes[0].get_position().width > 0.5
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [
        "dog",
        "q" * 18 + "…" + "q" * 9,
    ]
