"""The course as one document for paper: build/nndl.pdf, with contents, Chinese fonts embedded.

    python scripts/make_pdf.py [--answers] [--out build/nndl.pdf]

Sphinx puts the five chapters on one page, Chromium prints it twice: the first time to learn on
which page each section begins, the second time with these numbers in the table of contents.
Answers of the exercises stay out unless asked for.
"""

import argparse
import io
import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.lab import BROWSER_OPTIONS, chromium  # noqa: E402

FOOTER = (
    '<div style="font-size:8px;width:100%;text-align:center;color:#444">'
    '<span class="pageNumber"></span></div>'
)
#: opens what is folded, makes the table of contents, and returns its length
PREPARE = """(answers) => {
  document.querySelectorAll('.related, .sphinxsidebar, .footer, script').forEach(n => n.remove());
  for (const d of document.querySelectorAll('details'))
    if (answers || d.matches('.hide, .optional')) d.open = true;
    else d.remove();
  for (const image of document.images) image.loading = 'eager';
  for (const player of document.querySelectorAll('.nndl-steps'))
    [...player.querySelectorAll('img')].slice(0, -1).forEach(i => i.remove());
  const list = document.createElement('div');
  list.className = 'contents-page';
  list.innerHTML = '<p style="font-size:16pt;font-weight:700">目录</p>';
  let count = 0;
  for (const head of document.querySelectorAll(':is(h2, h3):not(.rubric)')) {
    const line = document.createElement('p'), own = head.cloneNode(true);
    own.querySelectorAll('.english, .headerlink').forEach(n => n.remove());
    line.className = head.tagName === 'H2' ? 'chapter' : 'section';
    line.textContent = own.textContent.trim();
    list.append(line);
    head.id = `heading-${count++}`;
    const link = document.createElement('a');
    link.href = `#${head.id}`;
    link.append(...line.childNodes);
    line.append(link);
  }
  document.querySelector('h1').after(list);
  return count;
}"""


def build(folder):
    """Sphinx's page of everything; a warning is an error."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "singlehtml", "-t", "print"]
    subprocess.run(
        [*command, ROOT / "docs", folder], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    return folder / "print.html"


def require_chinese_font():
    """Refuse to print boxes."""
    fonts = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True).stdout
    if "Noto Sans CJK" not in fonts and "Noto Sans SC" not in fonts:
        sys.exit("expected a Chinese font, found none: sudo apt install fonts-noto-cjk")


def pages_of_headings(pdf, count):
    """Page numbers, from 1: the contents link to each heading, which is thus a destination."""
    reader = PdfReader(io.BytesIO(pdf))
    places = reader.named_destinations
    return [reader.get_destination_page_number(places[f"/heading-{k}"]) + 1 for k in range(count)]


def main():
    """Build, print, number, print again."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--answers", action="store_true", help="with the exercises' answers")
    options.add_argument("--out", type=Path, default=ROOT / "build" / "nndl.pdf")
    options = options.parse_args()
    if chromium() is None:
        sys.exit("expected Chromium, found none: sh scripts/ensure_chromium.sh")
    require_chinese_font()
    html = build(ROOT / "build" / "print")
    paper = {"prefer_css_page_size": True, "outline": True, "tagged": True}
    paper |= {
        "display_header_footer": True,
        "header_template": "<p></p>",
        "footer_template": FOOTER,
    }
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        page = browser.new_page(java_script_enabled=True)
        page.goto(html.as_uri(), wait_until="load")
        count = page.evaluate(PREPARE, options.answers)
        page.evaluate("Promise.all([...document.images].map(i => i.decode().catch(() => {})))")
        numbers = pages_of_headings(page.pdf(**paper), count)
        page.evaluate(
            """numbers => document.querySelectorAll('.contents-page p[class]')
               .forEach((line, k) => { line.dataset.page = numbers[k]; })""",
            numbers,
        )
        pdf = page.pdf(**paper)
        browser.close()
    if pages_of_headings(pdf, count) != numbers:
        sys.exit("the page numbers moved while they were written: nothing was saved")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(pdf)
    print(f"{options.out}: {len(PdfReader(io.BytesIO(pdf)).pages)} pages, {len(pdf) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
