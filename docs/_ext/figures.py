"""Pictures of the pages: WebP, and for dark pages a second palette."""

import base64
import functools
import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

PAGE = np.array([19.0, 20.0, 22.0])  # the theme's dark ground
INK = 232.0
LUMA = np.array([0.299, 0.587, 0.114])
_DATA = r"data:image/png;base64,([\w+/=]+)"
BLOCK = 2  # pixels; boxes are looked for on a coarser grid


def _around(mask, side):
    """How many of the side × side pixels around each pixel are set; beyond the edge: none."""
    total = np.pad(mask.astype(np.int32), (side // 2 + 1, side // 2)).cumsum(0).cumsum(1)
    return total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]


def _pictures_in(pixels):
    """Where a figure holds pictures: solid areas, and whatever they enclose.

    Lines and text are thinner than 11 pixels and drop out; a box that is mostly solid counts as a
    whole, so that a white stroke on black and a label in a bar stay what they are.
    """
    ink = pixels.min(axis=2) < 250
    solid = _around(_around(ink, 11) == 121, 11) > 0
    rows, columns = (-(-n // BLOCK) for n in solid.shape)
    padded = np.zeros((rows * BLOCK, columns * BLOCK), bool)
    padded[: solid.shape[0], : solid.shape[1]] = solid
    found = padded.copy()
    for top, left, bottom, right in _boxes(
        padded.reshape(rows, BLOCK, columns, BLOCK).any(axis=(1, 3))
    ):
        area = np.s_[top * BLOCK : bottom * BLOCK, left * BLOCK : right * BLOCK]
        if padded[area].mean() > 0.6:
            found[area] = True
    return found[: solid.shape[0], : solid.shape[1]]


def _boxes(mask, top=0, left=0):
    """Bounding boxes of what blank rows and columns separate, as newspapers set columns."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = top + rows[0], left + columns[0]
    for axis in (0, 1):
        blank = np.flatnonzero(~mask.any(axis=1 - axis))
        if len(blank):
            cut = blank[0]
            first, rest = (mask[:cut], mask[cut:]) if axis == 0 else (mask[:, :cut], mask[:, cut:])
            down, right = (cut, 0) if axis == 0 else (0, cut)
            return _boxes(first, top, left) + _boxes(rest, top + down, left + right)
    return [(top, left, top + mask.shape[0], left + mask.shape[1])]


def recoloured(image):
    """A figure drawn on white, for a dark page: paper, lines and text change, pictures stay.

    A photo, a heat map or a bar keeps its colours; everything else is paper, text or a line, whose
    lightness is turned over while its hue stays.
    """
    pixels = np.asarray(image.convert("RGB")).astype(float)
    light = pixels @ LUMA
    target = PAGE @ LUMA + (INK - PAGE @ LUMA) * (1 - light / 255)
    turned = pixels + (target - light)[..., None]
    turned += (PAGE - PAGE @ LUMA) * (light / 255)[..., None]
    keep = _pictures_in(pixels)[..., None]
    return Image.fromarray(np.clip(np.where(keep, pixels, turned), 0, 255).astype(np.uint8))


def webp(image):
    """The smaller of lossless and high quality; text stays sharp in both."""
    candidates = []
    for options in ({"lossless": True, "method": 4}, {"quality": 88, "method": 4}):
        buffer = io.BytesIO()
        image.save(buffer, format="WEBP", **options)
        candidates.append(buffer.getvalue())
    lossless, lossy = candidates
    return lossy if len(lossy) < 0.6 * len(lossless) else lossless


class Pictures:
    """PNGs of the built pages, each turned into two WebP files once."""

    def __init__(self, out, cache):
        self.out, self.cache = out, cache
        cache.mkdir(parents=True, exist_ok=True)

    def pair(self, png):
        """(file for light pages, file for dark pages, width, height) of a PNG's bytes."""
        name = hashlib.sha256(png + Path(__file__).read_bytes()).hexdigest()[:16]
        image = Image.open(io.BytesIO(png)).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
        for kind, make in (("light", lambda x: x), ("dark", recoloured)):
            kept = self.cache / f"{name}-{kind}.webp"
            if not kept.exists():
                kept.write_bytes(webp(make(image)))
            (self.out / kept.name).write_bytes(kept.read_bytes())
        return f"{name}-light.webp", f"{name}-dark.webp", *image.size


def replace_pictures(app):
    """Every page's PNGs become WebP pairs; what no page shows any more is deleted."""
    root = Path(app.outdir)
    folder = root / "_images"
    folder.mkdir(exist_ok=True)
    pictures = Pictures(folder, Path(app.doctreedir).parent / f"{root.name}-pictures")
    old = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    pages = {path: path.read_text("utf-8") for path in root.rglob("*.html")}
    frames = {m for page in pages.values() for m in re.findall(rf'src="{_DATA}', page)}
    with ThreadPoolExecutor() as pool:  # Pillow and NumPy let other threads run
        done = dict(zip(old, pool.map(pictures.pair, old.values()), strict=True))
        contents = [base64.b64decode(frame) for frame in frames]
        done |= dict(zip(frames, pool.map(pictures.pair, contents), strict=True))
    for path, page in pages.items():
        up = "../" * (len(path.relative_to(root).parts) - 1)
        image = functools.partial(_image, done, up)
        new = re.sub(r'<img ([^>]*?)src="[^"]*_images/([^"/]+\.png)"([^>]*)>', image, page)
        new = re.sub(rf'src="{_DATA}"', functools.partial(_frame, done, up), new)
        # Sphinx gives the captions of the side bar a role without the level that it needs.
        new = new.replace('class="caption" role="heading"', 'class="caption"')
        if new != page:
            path.write_text(new, "utf-8")
        pages[path] = new
    shown = set(re.findall(r"_images/([\w.-]+)", "".join(pages.values())))
    for path in folder.iterdir():
        if path.name not in shown:
            path.unlink()


def _image(done, up, match):
    """One <img> becomes two, of which the page's palette shows one; a click enlarges it."""
    light, dark, width, height = done[match[2]]
    rest = re.sub(r'\b(class|width|height|loading)="[^"]*"', "", match[1] + match[3]).strip(" /")
    shape = re.search(r"width: (\d+)px", rest)
    wide = min(width, int(shape[1])) if shape else round(width / 1.5)
    rest = re.sub(r'style="[^"]*"', "", rest)
    size = f'width="{wide}" height="{round(wide * height / width)}" loading="lazy" decoding="async"'
    images = "".join(
        f'<img class="only-{kind}" {rest} src="{up}_images/{name}" {size}>'
        for kind, name in (("light", light), ("dark", dark))
    )
    return f'<a class="zoom" href="{up}_images/{light}">{images}</a>'


def _frame(done, up, match):
    """A player's frame has one <img>; a script changes its source with the palette."""
    light, dark = (f"{up}_images/{name}" for name in done[match[1]][:2])
    return f'src="{light}" data-light="{light}" data-dark="{dark}"'
