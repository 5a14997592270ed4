"""The course for paper: contents with page numbers that are right, fonts inside."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.lab import chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]


def test_the_course_is_printed(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    out = tmp_path / "nndl.pdf"
    command = [sys.executable, "scripts/make_pdf.py", "--out", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = pypdf.PdfReader(out).pages
    texts = [re.sub(r"\s+", "", page.extract_text()) for page in pages]
    contents = "\n".join(page.extract_text() for page in pages[1:3])
    lines = re.findall(r"(?m)^(5\.\d .+?)\s*(\d+)$", contents)
    assert [title[:3] for title, _ in lines] == ["5.1", "5.2", "5.3", "5.4", "5.5"]
    for title, number in lines:
        assert re.sub(r"\s+", "", title) in texts[int(number) - 1][:80]
    assert len(re.findall(r"(?m)\d+$", contents)) > 30, "sections are listed too"
    for page in pages:
        for font in (page["/Resources"].get("/Font") or {}).values():
            font = font.get_object()
            if font["/Subtype"] == "/Type0":
                font = font["/DescendantFonts"][0].get_object()
            assert font["/Subtype"] == "/Type3" or any(
                key.startswith("/FontFile") for key in font["/FontDescriptor"].get_object()
            )
    assert sum(len(re.findall(r"[\u4e00-\u9fff]", text)) for text in texts) > 10_000
