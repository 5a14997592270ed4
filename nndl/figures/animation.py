"""The window of a convolution, step by step: a player for static pages, and live sliders."""

import base64
import io

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from .._arguments import as_array, integer
from ..display.once import ShownOnce, in_notebook
from . import style
from .convolution import cross_correlate
from .style import HIGHLIGHT, INPUT, KERNEL, OUTPUT, cells, grid_axes, new_figure, tint

#: most output cells of an animation, most cells of its padded input along one axis, its size
MAX_STEPS, MAX_SIDE, MAX_BYTES = 36, 12, 500_000


def _number(value):
    """Short enough for a cell: two digits after the point of a fraction."""
    value = float(value) + 0.0  # −0 is 0
    text = f"{value:.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.2g}"
    return text.replace("-", "−")


class _Board:
    """The drawing of one step: input, kernel, products, sum and output in a row."""

    def __init__(self, X, W, stride, padding, dilation):
        X, W = as_array(X), as_array(W)
        for name, value in (("X", X), ("W", W)):
            if value.ndim != 2:
                raise ValueError(
                    f"{name} must be one matrix, got shape {list(value.shape)}: "
                    f"choose one channel, such as {name}[0, 0]"
                )
        self.windows, self.Y = cross_correlate(X, W, stride, padding, dilation)
        self.W, self.stride, self.dilation = W, stride, dilation
        padded = np.pad(X, padding)
        if max(padded.shape) > MAX_SIDE or self.Y.size > MAX_STEPS:
            raise ValueError(
                f"expected at most {MAX_SIDE} rows and columns with padding and {MAX_STEPS} output "
                f"cells, so that the numbers can be read; got {padded.shape[0]}×"
                f"{padded.shape[1]} and {self.Y.size}: take a part of the image, such as X[:6, :6]"
            )
        self.base = np.full(padded.shape, tint(INPUT, 0.18), dtype=object)
        self.base[~np.pad(np.ones(X.shape, dtype=bool), padding)] = style.PADDING
        self._build(padded)

    def _build(self, padded):
        (M, N), (U, V), (rows, columns) = padded.shape, self.W.shape, self.Y.shape
        height = max(M, U, rows) + 1.0
        starts = np.cumsum([0, N + 1, V + 1.1, V + 1.1])
        width = starts[-1] + columns
        scale = min(0.6, 9 / (width + 0.6))
        self.figure, axes = new_figure(size=(scale * (width + 0.6), scale * height + 0.85))
        self.figure.set_layout_engine("none")
        axes.set_position([0, 0, 1, 1 - 0.5 / self.figure.get_size_inches()[1]])
        size = float(np.clip(17 * scale + 1.5, 6, 11))
        tops = [(height - 1 - k) / 2 for k in (M, U, U, rows)]
        blocks = [
            (padded, self.base.tolist(), "input"),
            (self.W, tint(KERNEL, 0.45), "kernel"),
            (self.W, tint(HIGHLIGHT, 0.25), "products"),
            (self.Y, "white", "output"),
        ]
        self.patches, self.texts = [], []
        for (values, fill, name), x, y in zip(blocks, starts, tops, strict=True):
            before = len(axes.patches), len(axes.texts)
            cells(axes, values, fill, text="", origin=(x, y), fontsize=size)
            shape = np.shape(values)
            self.patches.append(np.array(axes.patches[before[0] :]).reshape(shape))
            self.texts.append(np.array(axes.texts[before[1] :]).reshape(shape))
            for text, value in zip(self.texts[-1].flat, np.ravel(values), strict=True):
                text.set_text(_number(value))
            middle = x + shape[1] / 2
            axes.text(middle, y + shape[0] + 0.2, name, ha="center", va="top", fontsize=10.5)
        for x, sign in zip(starts[1:], "⊙=Σ", strict=True):
            gap = 0.5 if sign == "⊙" else 0.55
            axes.text(x - gap, (height - 1) / 2, sign, ha="center", va="center", fontsize=13)
        reach = [self.dilation * (k - 1) + 1 for k in (V, U)]
        self.window = Rectangle((0, 0), *reach, fill=False, edgecolor=HIGHLIGHT, linewidth=2.6)
        axes.add_patch(self.window)
        grid_axes(axes, width, height, margin=0.2)
        self.origin = tops[0]
        self.title = self.figure.text(
            0.5, 1 - 0.28 / self.figure.get_size_inches()[1], "", ha="center", va="center"
        )
        self.title.set_fontsize(11)

    def draw(self, step, finished=False):
        """Move the window to output cell `step`; cells behind it are filled."""
        columns = self.Y.shape[1]
        i, j = divmod(step, columns)
        top, left = i * self.stride, j * self.stride
        (U, V), E = self.W.shape, self.dilation
        for patch, color in zip(self.patches[0].flat, self.base.flat, strict=True):
            patch.set_facecolor(color)
        for u, v in np.ndindex(U, V):
            self.patches[0][top + u * E, left + v * E].set_facecolor(tint(HIGHLIGHT, 0.4))
        self.window.set_xy((left, self.origin + top))
        products = self.windows[i, j] * self.W
        for text, value in zip(self.texts[2].flat, products.flat, strict=True):
            text.set_text(_number(value))
        for number, (patch, text) in enumerate(
            zip(self.patches[3].flat, self.texts[3].flat, strict=True)
        ):
            done = number <= step or finished
            color = tint(OUTPUT, 0.3) if done else "white"
            patch.set_facecolor(tint(HIGHLIGHT, 0.4) if number == step else color)
            text.set_text(_number(self.Y.flat[number]) if done else "")
        self.title.set_text(
            f"step {step + 1} of {self.Y.size}:   Y[{i}, {j}] = "
            + self._sum_text(products)
            + _number(self.Y[i, j])
        )

    def _sum_text(self, products):
        terms = " + ".join(_number(value) for value in products.flat).replace("+ −", "− ")
        return f"{terms} = " if len(terms) < 60 else f"sum of {products.size} products = "

    def png(self, step, finished=False, dots=110):
        """The step as a PNG with a palette of its few colours."""
        self.draw(step, finished)
        buffer = io.BytesIO()
        with style.use_style():
            self.figure.savefig(buffer, format="png", dpi=dots)
        small = io.BytesIO()
        picture = Image.open(buffer).convert("RGB").quantize(24, dither=Image.Dither.NONE)
        picture.save(small, format="png", optimize=True)
        return small.getvalue()


#: a step of the player: which picture shows, and whether it goes on by itself
_GO = (
    "const b=this.closest('.nndl-steps'),f=b.querySelectorAll('img'),r=b.querySelector('input'),"
    "go=k=>{{r.value=(k+f.length)%f.length;f.forEach((x,i)=>x.style.display=i==r.value?'block':'none')}},"
    "on=!b.timer;clearInterval(b.timer);b.timer=0;{}"
)
_PLAY = "if(on)b.timer=setInterval(()=>b.isConnected?go(+r.value+1):clearInterval(b.timer),900)"


class Steps(ShownOnce):
    """Pictures to step through: buttons, a slider, and the arrow keys on the slider.

    The page holds every step as a picture, so that it works without a kernel and without
    network (matplotlib's player fetches its icons); where a page may not run scripts it shows
    the first step, and where it shows no HTML at all the last.

    Attributes
    ----------
    frames : list of bytes
        One PNG a step.
    alt : str
    """

    def __init__(self, frames, width, alt):
        self.frames, self.width, self.alt = frames, width, alt

    def _repr_html_(self):
        pictures = "".join(
            f'<img alt="{self.alt}, step {number + 1}" width="{self.width}" '
            f'style="display:{"none" if number else "block"};max-width:100%;margin:0" '
            f'src="data:image/png;base64,{base64.b64encode(frame).decode()}">'
            for number, frame in enumerate(self.frames)
        )
        look = (
            "font-size:15px;padding:2px 12px;margin-right:6px;color:#222;background:#f2f2f2;"
            "border:1px solid #999;border-radius:4px"
        )
        buttons = "".join(
            f'<button type="button" style="{look}" aria-label="{name}" '
            f'onclick="{_GO.format(code)}">{sign}</button>'
            for name, code, sign in (
                ("previous step", "go(+r.value-1)", "◀"),
                ("play or pause", _PLAY, "▶ / ❚❚"),
                ("next step", "go(+r.value+1)", "▶"),
            )
        )
        return (
            '<div class="nndl-steps" style="background:white;color:#222;padding:6px;'
            f'max-width:{self.width + 12}px">{pictures}<div>{buttons}<input type="range" '
            f'aria-label="step" min="0" max="{len(self.frames) - 1}" value="0" '
            f'style="width:40%;vertical-align:middle" oninput="{_GO.format("go(+r.value)")}">'
            "</div></div>"
        )

    def _publish(self):
        from IPython.display import publish_display_data

        publish_display_data(
            {
                "text/html": self._repr_html_(),
                "image/png": base64.b64encode(self.frames[-1]).decode(),
                "text/plain": self.alt,
            },
            metadata={"image/png": {"width": self.width, "alt": self.alt}},
        )

    def __repr__(self):
        return f"<{self.alt}: {len(self.frames)} steps>"


def animate_conv2d(X, W, stride=1, padding=0, dilation=1):
    """A convolution to step through: window, products, sum, and the output cell they fill.

    Parameters
    ----------
    X : array or Tensor [M, N]
        One channel, at most 12 rows and columns with its padding.
    W : array or Tensor [U, V]
    stride, padding, dilation : int
        Cells, on both axes.

    Returns
    -------
    Steps
        At most 500 kB; it steps in a static page too.

    Raises
    ------
    ValueError
        Not matrices, a kernel larger than the padded input, or too many cells to read.

    Notes
    -----
    Notice that the kernel never changes: the same weights go to every position.
    """
    stride, dilation = integer("stride", stride, 1), integer("dilation", dilation, 1)
    padding = integer("padding", padding, 0)
    board = _Board(X, W, stride, padding, dilation)
    count = board.Y.size
    for dots in (110, 90, 72):
        if len(board.png(count - 1, dots=dots)) * count * 4 / 3 < MAX_BYTES * 0.95:
            break
    frames = [board.png(step, dots=dots) for step in range(count)]
    width = round(board.figure.get_size_inches()[0] * 100)
    alt = (
        f"Convolution of a {'×'.join(map(str, np.shape(as_array(X))))} input with a "
        f"{'×'.join(map(str, board.W.shape))} kernel, stride {stride}, padding {padding}, "
        f"dilation {dilation}"
    )
    steps = Steps(frames, width, alt)
    if in_notebook():
        steps._ipython_display_()
    return steps


#: kernels that the sliders offer
KERNELS = {
    "ones": lambda size: np.ones((size, size)),
    "1, 2, 3, …": lambda size: np.arange(1.0, size * size + 1).reshape(size, size),
    "vertical edge": lambda size: np.tile(np.linspace(-1, 1, size).round(2), (size, 1)),
    "Laplacian": lambda size: _laplacian(size),
}


def _laplacian(size):
    W = np.zeros((size, size))
    W[size // 2, :] = W[:, size // 2] = 1
    W[size // 2, size // 2] = 0
    W[size // 2, size // 2] = -W.sum()
    return W


def interactive_conv2d(X=None):
    """Sliders for kernel, stride, padding and dilation; the picture is computed anew at each move.

    Parameters
    ----------
    X : array [M, N], optional
        At most 8 rows and columns; a bright square on a dark ground by default.

    Returns
    -------
    The widget, or without ipywidgets the Figure of one step, after a line that says so.
    """
    if X is None:
        X = np.zeros((6, 6), dtype=int)
        X[1:4, 2:5] = 9
    X = as_array(X)
    still = _Board(X, KERNELS["ones"](3), 1, 0, 1)
    try:
        import ipywidgets
    except ImportError:
        print("Sliders need the package ipywidgets; one step as a picture instead.")
        still.draw(0)
        still.figure.alt = "One step of a convolution"
        style.show(still.figure)
        return still.figure
    return _sliders(ipywidgets, X, still)


def _sliders(widgets, X, still):
    def slider(name, value, low, high):
        return widgets.IntSlider(value, low, high, description=name, continuous_update=False)

    kind = widgets.Dropdown(options=list(KERNELS), value="ones", description="kernel")
    size, stride = slider("kernel size", 3, 1, 5), slider("stride", 1, 1, 4)
    padding, dilation = slider("padding", 0, 0, 2), slider("dilation", 1, 1, 3)
    step = slider("step", 0, 0, still.Y.size - 1)
    picture = widgets.Image(format="png", layout={"max_width": "100%"})
    message = widgets.HTML()

    def draw(_=None):
        M, E, U = X.shape[0], dilation.value, size.value
        try:
            board = _Board(X, KERNELS[kind.value](U), stride.value, padding.value, E)
        except ValueError as error:
            message.value = str(error)
            return
        message.value = (
            f"⌊({M} + 2·{padding.value} − {E}·({U} − 1) − 1) / {stride.value}⌋ + 1 = "
            f"{board.Y.shape[0]} output rows"
        )
        step.max = board.Y.size - 1  # which may move the step
        picture.value = board.png(step.value, finished=True)

    for control in (kind, size, stride, padding, dilation, step):
        control.observe(draw, "value")
    draw()
    columns = [widgets.VBox([kind, size, stride]), widgets.VBox([padding, dilation, step])]
    box = widgets.VBox([widgets.HBox(columns), message, picture])
    return _WithStill(box, picture.value)


class _WithStill(ShownOnce):
    """A widget together with a picture for pages where no kernel answers."""

    def __init__(self, box, still):
        self.box, self.still = box, still
        if in_notebook():
            self._ipython_display_()

    def _publish(self):
        from IPython.display import publish_display_data

        bundle = self.box._repr_mimebundle_()
        bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        bundle["image/png"] = base64.b64encode(self.still).decode()
        bundle["text/plain"] = "Convolution with sliders (live in a running notebook)"
        publish_display_data(bundle)
