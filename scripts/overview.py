"""Make docs/overview.png, the picture of README, from figures of the committed notebooks.

python scripts/overview.py
"""

import base64
import io
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
#: notebook and a part of the call that draws the figure, in rows from top to bottom
ROWS = [
    [
        ("5.1_convolution", "figures.worked_example("),
        ("5.1_convolution", "blurred, then Laplacian"),
    ],
    [("5.5_resnet18_cifar10", "analysis.grad_cam("), ("5.4_resnet_mnist", "figures.compare_runs(")],
]
WIDTH, GAP = 1200, 24


def figure(name, call):
    """The first picture drawn by a cell with this call."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and call in cell.source:
            for output in cell.outputs:
                if png := output.get("data", {}).get("image/png"):
                    return trimmed(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))
    raise SystemExit(f"{name} has no picture drawn by {call!r}: run make outputs first")


def trimmed(image):
    """Without the white around it."""
    ink = Image.eval(image.convert("L"), lambda level: 255 * (level < 250))
    return image.crop(ink.getbbox())


def row(images):
    """Images beside one another, all of one height, together `WIDTH` wide."""
    shares = [image.width / image.height for image in images]
    height = round((WIDTH - GAP * (len(images) - 1)) / sum(shares))
    strip, left = Image.new("RGB", (WIDTH, height), "white"), 0
    for image, share in zip(images, shares, strict=True):
        size = round(height * share), height
        strip.paste(image.resize(size, Image.Resampling.LANCZOS), (left, 0))
        left += size[0] + GAP
    return strip


def main():
    strips = [row([figure(*place) for place in places]) for places in ROWS]
    height = sum(strip.height for strip in strips) + GAP * (len(strips) + 1)
    page, top = Image.new("RGB", (WIDTH + 2 * GAP, height), "white"), GAP
    for strip in strips:
        page.paste(strip, (GAP, top))
        top += strip.height + GAP
    page.save(ROOT / "docs" / "overview.png", optimize=True)


if __name__ == "__main__":
    main()
