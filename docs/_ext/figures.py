"""Pictures of the pages: WebP, and for dark pages a second palette."""

import base64
import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

PAGE = np.array([19.0, 20.0, 22.0])  # the theme's dark ground
INK = 232.0
LUMA = np.array([0.299, 0.587, 0.114])
BLOCK = 4  # pixels; enclosed areas are looked for on a coarser grid


def _pictures_in(pixels):
    """Where a figure holds pictures: solid areas, and whatever they enclose.

    Lines and text are thinner than 11 pixels and drop out; what cannot be reached from the margin
    without crossing a solid area (a white stroke on black, a label in a bar) belongs to it.
    """
    ink = Image.fromarray(((pixels.min(axis=2) < 250) * 255).astype(np.uint8))
    solid = ink.filter(ImageFilter.MinFilter(11)).filter(ImageFilter.MaxFilter(11))
    solid = solid.filter(ImageFilter.MaxFilter(9)).filter(ImageFilter.MinFilter(9))
    solid = np.asarray(solid) > 0
    rows, columns = (-(-n // BLOCK) for n in solid.shape)
    padded = np.zeros((rows * BLOCK, columns * BLOCK), bool)
    padded[: solid.shape[0], : solid.shape[1]] = solid
    free = np.pad(~padded.reshape(rows, BLOCK, columns, BLOCK).any(axis=(1, 3)), 1, constant_values=True)
    reached = np.zeros_like(free)
    reached[0, 0] = True
    while True:
        grown = Image.fromarray(reached.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(3))
        grown = (np.asarray(grown) > 0) & free
        if (grown == reached).all():
            break
        reached = grown
    holes = Image.fromarray((free & ~reached).astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(3))
    holes = np.kron(np.asarray(holes)[1:-1, 1:-1] > 0, np.ones((BLOCK, BLOCK), bool))
    return solid | holes[: solid.shape[0], : solid.shape[1]]


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
    frames = {m for page in pages.values() for m in re.findall(r"data:image/png;base64,([\w+/=]+)", page)}
    with ThreadPoolExecutor() as pool:  # Pillow and NumPy let other threads run
        done = dict(zip(old, pool.map(pictures.pair, old.values()), strict=True))
        contents = [base64.b64decode(frame) for frame in frames]
        inline = dict(zip(frames, pool.map(pictures.pair, contents), strict=True))
    for path, page in pages.items():
        up = "../" * (len(path.relative_to(root).parts) - 1)
        new = re.sub(r'<img ([^>]*?)src="[^"]*_images/([^"/]+\.png)"([^>]*)>', lambda m: _pair(m, done, up), page)
        new = re.sub(r'src="data:image/png;base64,([\w+/=]+)"', lambda m: _frame(m, inline, up), new)
        if new != page:
            path.write_text(new, "utf-8")
    for name in old:
        (folder / name).unlink()


def _pair(match, done, up):
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


def _frame(match, inline, up):
    light, dark, width, height = inline[match[1]]
    return (
        f'src="{up}_images/{light}" data-dark="{up}_images/{dark}" data-light="{up}_images/{light}"'
    )
