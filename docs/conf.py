"""Sphinx settings of the site: built from the committed outputs, nothing is executed."""

import shutil
import sys
from pathlib import Path

import jupyter_server_mathjax

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

project = "卷积神经网络 · 动手实践"
author = "the authors of nndl"
copyright = "the authors of nndl"
language = "zh_CN"
html_title = project

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_static", "README.md"]

# The notebooks and the package's own READMEs are copied below docs/ for the build, so that one
# source stays where users look for it.
PAGES = HERE / "_pages"
COPIES = {
    **{f"notebooks/{p.name}": p for p in sorted((ROOT / "notebooks").glob("*.ipynb"))},
    "benchmarks.md": ROOT / "benchmarks" / "README.md",
    "results.md": ROOT / "results" / "README.md",
    "data.md": ROOT / "data" / "README.md",
}

nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # nothing is loaded from elsewhere
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "html_image"]
myst_heading_anchors = 4
myst_update_mathjax = False
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type"]

# MathJax with its fonts, from the Python package that Jupyter ships it in.
mathjax_path = "mathjax/MathJax.js?config=TeX-AMS_CHTML-full"
mathjax2_config = {
    "tex2jax": {
        "inlineMath": [["\\(", "\\)"]],
        "displayMath": [["\\[", "\\]"]],
        "processClass": "math",
        "ignoreClass": ".*",
    },
    "messageStyle": "none",
    "showMathMenu": False,
}

html_theme = "sphinx_book_theme"
html_theme_options = {
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "logo": {"text": project},
    "article_header_end": [],
    "pygments_light_style": "tango",
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = True
html_last_updated_fmt = None

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = True
napoleon_use_rtype = False


def copy_pages(app):
    """Bring notebooks and READMEs below the source folder; drop what no longer exists."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for name, source in COPIES.items():
        if source.exists():
            target = PAGES / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def copy_mathjax(app, exception):
    """MathJax beside the pages, without the image fonts that no current browser asks for."""
    if exception or app.builder.format != "html":
        return
    source = Path(jupyter_server_mathjax.__file__).parent / "static"
    target = Path(app.outdir) / "_static" / "mathjax"
    if not target.exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("png", "localization"))


def setup(app):
    app.connect("builder-inited", copy_pages)
    app.connect("build-finished", copy_mathjax)
