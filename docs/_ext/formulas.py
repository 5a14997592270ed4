"""Formulas as MathML, written at build time: no script, nothing to load but a small font."""

import io
import re
from importlib.resources import files

from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from math_core import LatexToMathML

_convert = LatexToMathML(fancy_error=False)
ROOT_SIGN = 0x221A  # MathML draws it without naming it


def mathml(latex, display=False):
    """MathML Core of a formula; an error in it names the formula."""
    try:
        found = _convert.convert_with_local_state(latex.strip(), displaystyle=display)
    except Exception as error:
        raise ValueError(f"the formula {latex!r} cannot be set: {error}") from error
    # Browsers shrink a raised prime twice: as an exponent, and as the small sign that it is.
    return re.sub(r"<mo>([′″‴])</mo>", r'<mo class="prime">\1</mo>', found)


def plain(latex):
    """A formula as text that can be searched and read in an excerpt."""
    return re.sub(r"<[^>]+>|\u2061", "", mathml(latex))


def visit_inline(writer, node):
    """An inline formula."""
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def visit_block(writer, node):
    """A formula on lines of its own; it scrolls where the screen is narrower."""
    formula = mathml(node.astext(), display=True)
    ids = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    writer.body.append(f'<div class="math"{ids}>{formula}</div>')
    raise nodes.SkipNode


def write_font(pages, target):
    """The math font with only what the pages' formulas use; heights and brackets stay complete."""
    used = set(
        "".join(re.sub(r"<[^>]+>", "", m) for m in re.findall(r"(?s)<math.*?</math>", pages))
    )
    source = files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"
    font = TTFont(io.BytesIO(source.read_bytes()))
    chooser = subset.Subsetter(subset.Options(layout_features=["ssty", "dtls"], hinting=False))
    chooser.populate(unicodes=[ord(c) for c in used] + list(range(0x20, 0x7F)) + [ROOT_SIGN])
    chooser.subset(font)
    font.flavor = "woff2"
    font.save(target)
