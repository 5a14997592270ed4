"""Figures that compute in the reader's browser: in a static page, and as a cell's output."""

import base64
import html
import json
from pathlib import Path

import numpy as np
from PIL import Image

from ..dataset.folders import data_folder
from ..dataset.mnist import load_mnist
from ..display.once import ShownOnce, in_notebook
from ..runner.saving.checkpoint import read_file

#: name -> title, and the sentence for a page that may not run scripts
LIVE = {
    "conv": (
        "卷积游乐场 · Convolution playground",
        "改卷积核、步长、填充与空洞，小格子与照片随即重新计算。",
    ),
    "field": (
        "感受野 · Receptive field",
        "增减各层，看一个单元经过各层最终看到输入的哪些格。",
    ),
    "im2col": (
        "im2col：窗口、列、乘积、输出 · Window, column, product, output",
        "X 的一个窗口排成矩阵的一列，与核的一行相乘，得到输出的一格。",
    ),
    "winograd": (
        "F(2, 3)：四次乘法代替六次 · Four multiplications for six",
        "改输入与核，看四个乘积怎样合成两个输出。",
    ),
    "lenet": (
        "LeNet-5，当场计算 · LeNet-5, live",
        "写一个数字，看七层的特征图与十个概率怎样随每一笔改变。",
    ),
}
_PHOTO = 128  # rows and columns of the playground's photo


def script_folder():
    """Where the scripts lie: inside the installed package, or in a checkout's docs."""
    package = Path(__file__).resolve().parents[1]
    places = [package / "live", package.parent / "docs" / "_static" / "live"]
    for folder in places:
        if (folder / "core.js").is_file():
            return folder
    raise FileNotFoundError(
        f"expected the live figures' scripts in {' or '.join(map(str, places))}, found no core.js "
        "there. Remedy: install nndl again, or run from a complete checkout."
    )


def live_data(name):
    """The numbers that a live figure computes with, as one line of JavaScript ('' for most).

    'lenet' gets the 61,706 weights of data/weights in half precision and the first test digit of
    each class, 'conv' a grey photo of 128×128 pixels.
    """

    def text(array):
        return base64.b64encode(np.ascontiguousarray(array)).decode()

    if name == "conv":
        with Image.open(data_folder() / "images" / "cat.png") as photo:
            side = min(photo.size)
            square = photo.convert("L").crop((60, 0, 60 + side, side))
            values = np.asarray(square.resize((_PHOTO, _PHOTO), Image.Resampling.BOX))
        return f"nndlLive.data.photo = '{text(values)}';"
    if name == "lenet":
        weights, _ = read_file(data_folder() / "weights" / "lenet-mnist.safetensors")
        images, labels = load_mnist("test")
        numbers = np.concatenate([array.ravel() for array in weights.values()]).astype("<f2")
        data = {
            "layout": [[key, list(array.shape)] for key, array in weights.items()],
            "weights": text(numbers),
            "digits": text(images[[np.flatnonzero(labels == digit)[0] for digit in range(10)]]),
        }
        return f"nndlLive.data.lenet = {json.dumps(data, separators=(',', ':'))};"
    return ""


def live_html(name, picture):
    """The element that a script takes over; without scripts it is a picture and a sentence."""
    title, sentence = map(html.escape, LIVE[name])
    return (
        f'<div class="nndl-live" data-live="{name}" data-title="{title}"><div class="nl-off">'
        f'<img src="{picture}" alt="{title}" loading="lazy"><p>{sentence}'
        "（这张图要能运行脚本才会动。）</p></div></div>"
    )


class Live(ShownOnce):
    """A figure that computes where it is read, without a kernel and without network."""

    def __init__(self, name):
        self.name = name

    def _repr_html_(self):
        folder = script_folder()
        shot = base64.b64encode((folder / f"{self.name}.webp").read_bytes()).decode()
        picture = f"data:image/webp;base64,{shot}"
        scripts = [(folder / "core.js").read_text("utf-8"), live_data(self.name)]
        scripts.append((folder / f"{self.name}.js").read_text("utf-8"))
        style_sheet = (folder / "live.css").read_text("utf-8")
        return (
            f"{live_html(self.name, picture)}<style>{style_sheet}</style>"
            f"<script>{chr(10).join(scripts)}</script>"
        )

    def _publish(self):
        from IPython.display import publish_display_data

        publish_display_data({"text/html": self._repr_html_(), "text/plain": repr(self)})

    def __repr__(self):
        return f"<{LIVE[self.name][0]}: needs a page that runs scripts>"


def live(name):
    """Show a figure that recomputes at once: in JupyterLab, and in a page without a kernel.

    Parameters
    ----------
    name : 'conv', 'field', 'im2col', 'winograd' or 'lenet'
        A convolution playground; the receptive field of a stack of layers; windows as columns;
        the algorithm F(2, 3); LeNet-5 at work on a digit that you draw.

    Returns
    -------
    Live

    Raises
    ------
    ValueError
        Another name.
    FileNotFoundError
        The scripts or the weights are missing.
    """
    if name not in LIVE:
        raise ValueError(f"expected one of {', '.join(map(repr, LIVE))}, got {name!r}")
    figure = Live(name)
    if in_notebook():
        figure._ipython_display_()
    return figure
