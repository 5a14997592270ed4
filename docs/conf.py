"""Sphinx settings of the site: built from the committed outputs, nothing is executed."""

import base64
import hashlib
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import nbformat
from docutils import nodes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

from nndl_site import ChineseBigrams  # noqa: E402  found through the line above

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

# The notebooks and the READMEs of other folders are copied below docs/ for the build, so that one
# source stays where users look for it. What does not exist is left out of the contents.
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
nb_code_prompt_show = "展开代码"
nb_code_prompt_hide = "收起代码"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "html_image"]
myst_heading_anchors = 4
myst_heading_slug_func = "nndl_site.heading_slug"
myst_update_mathjax = False

# MathJax draws formulas as outlines: one file, no fonts to load. It comes in a Python package.
mathjax_path = "mathjax/tex-svg-full.js"
mathjax3_config = {
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
    "options": {"processHtmlClass": "math", "ignoreHtmlClass": ".*", "enableMenu": False},
}

html_theme = "sphinx_book_theme"
html_theme_options = {
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "logo": {"text": project},
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark-high-contrast",
    "toc_title": "本页",
    "navbar_persistent": [],  # the side bar has the search field
}
html_context = {"default_mode": "auto"}
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = True
html_last_updated_fmt = None

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = True
napoleon_use_rtype = False

#: a Chinese character or mark
WIDE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
#: sha256 of a figure's PNG, which is its file name on the site -> what it shows
_alternatives = {}


def copy_pages(app):
    """Bring notebooks and READMEs below the source folder; drop what no longer exists."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for name, source in COPIES.items():
        if source.exists():
            target = PAGES / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".ipynb":
                nbformat.write(prepared(nbformat.read(source, as_version=4)), target)
            else:
                shutil.copyfile(source, target)


def prepared(notebook):
    """Fold the code of the exercises, and note the alternative text of each figure."""
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags and {"stub", "check"} & set(tags):
            cell.metadata["tags"] = [*tags, "hide-cell"]
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png")
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if png:
                name = hashlib.sha256(base64.b64decode(png)).hexdigest()
                _alternatives[name] = alt or output["data"].get("text/plain", "")
    return notebook


def describe_figures(app, document):
    for image in document.findall(nodes.image):
        if text := _alternatives.get(Path(image["uri"]).stem):
            image["alt"] = text


def join_chinese_lines(app, document):
    """A line break in a Chinese paragraph of the source is not a space between two words."""
    for text in list(document.findall(nodes.Text)):
        if text == "\n":  # MyST makes each such break a node of its own
            siblings, place = text.parent.children, text.parent.index(text)
            around = [node.astext() for node in siblings[max(0, place - 1) : place + 2]]
            if len(around) == 3 and WIDE.match(around[0][-1:]) and WIDE.match(around[2][:1]):
                text.parent.remove(text)


def adapt_docstring(app, what, name, obj, options, lines):
    """Docstrings are written for a terminal: bars and stars mean themselves.

    Each also counts its references from [1]; on one page they need numbers of their own.
    """
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            line = re.sub(r"(?<!\\)\|", r"\\|", line)
            line = re.sub(r"(?<=[(, ])(\*\*?)(?=(args|kwargs|options)\b(?!\*))", r"\\\1", line)
            lines[number] = re.sub(r"^(\s*)\.\. \[\d+\] ", r"\1.. [#] ", line)


def drop_absent_pages(app, docname, source):
    """Take out of the landing page the lines about files that the project does not have (yet)."""
    if docname == app.config.root_doc:
        mentioned = re.compile(
            r"(_pages/[\w./]+|^(?:checks|distributed)$|overview\.png)", flags=re.M
        )

        def there(name):
            name = name.removesuffix(".ipynb")
            return name in app.env.found_docs or (HERE / name).is_file()

        lines = source[0].splitlines()
        source[0] = "\n".join(line for line in lines if all(map(there, mentioned.findall(line))))


def copy_mathjax(app, exception):
    """MathJax beside the pages, so that formulas need no network."""
    if exception or app.builder.format != "html":
        return
    source = files("mathjax") / "static" / "mathjax" / "es5" / Path(mathjax_path).name
    target = Path(app.outdir) / "_static" / mathjax_path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def setup(app):
    app.add_search_language(ChineseBigrams)
    app.connect("builder-inited", copy_pages)
    app.connect("doctree-read", describe_figures)
    app.connect("doctree-read", join_chinese_lines)
    app.connect("source-read", drop_absent_pages)
    app.connect("autodoc-process-docstring", adapt_docstring)
    app.connect("build-finished", copy_mathjax)
