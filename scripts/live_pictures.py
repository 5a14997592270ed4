"""Photograph the live figures for pages that run no scripts: docs/_static/live/<name>.webp.

    python scripts/live_pictures.py

To be run again when a figure's looks change; needs Chromium.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nndl.figures import live_figures  # noqa: E402
from tests.lab import BROWSER_OPTIONS, chromium  # noqa: E402

FOLDER = ROOT / "docs" / "_static" / "live"


def main():
    """One picture a figure, 736 pixels wide as the site's column is."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        page = browser.new_page(viewport={"width": 752, "height": 2400})
        for name in live_figures.LIVE:
            body = live_figures.live_html(name, "data:,")
            page.set_content(f"<body style='margin:0 8px;font-family:sans-serif'>{body}</body>")
            page.add_style_tag(path=FOLDER / "live.css")
            page.add_script_tag(path=FOLDER / "core.js")
            page.add_script_tag(content=live_figures.live_data(name) or ";")
            page.add_script_tag(path=FOLDER / f"{name}.js")
            shot = page.locator(".nndl-live").screenshot()
            picture = Image.open(io.BytesIO(shot)).convert("RGB")
            picture.save(FOLDER / f"{name}.webp", quality=72, method=6)
        browser.close()


if __name__ == "__main__":
    main()
