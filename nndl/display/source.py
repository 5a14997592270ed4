"""Show the source of a name from the package in a notebook."""

import ast
import inspect
import textwrap


class Source:
    """Python source that Jupyter highlights and a terminal prints plainly."""

    def __init__(self, code):
        self.code = code

    def __str__(self):
        return self.code

    __repr__ = __str__

    def _repr_markdown_(self):
        fence = "```"
        while fence in self.code:
            fence += "`"
        return f"{fence}python\n{self.code}\n{fence}"


def show_source(obj, docstring=False):
    """Return the source of a function or class, for display as the value of a cell.

    Parameters
    ----------
    obj : function, method, class or module
    docstring : bool
        Keep the docstrings (they are left out by default: the text beside the cell says
        what the name is for, `help` gives the reference).

    Returns
    -------
    Source
        Shown with colours in Jupyter; `str()` gives the plain text.

    Raises
    ------
    TypeError
        If `obj` has no Python source, as strings, results and built-in functions have none.

    Examples
    --------
    >>> from nndl.display import show_source
    >>> str(show_source(show_source)).splitlines()[0]
    'def show_source(obj, docstring=False):'
    """
    try:
        code = textwrap.dedent(inspect.getsource(obj)).rstrip()
    except (TypeError, OSError):
        raise TypeError(
            f"show_source expects a function or class with Python source, got {obj!r}: "
            "pass the name itself (show_source(nndl.conv2d)), not a string or a result"
        ) from None
    return Source(code if docstring else _without_docstrings(code))


def _without_docstrings(code):
    """Drop each docstring that stands on lines of its own before other statements."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a lambda inside a call, say: the lines are no program by themselves
        return code
    lines = code.splitlines()
    drop = set()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if ast.get_docstring(node) is None or len(node.body) < 2:
            continue
        text, following = node.body[:2]
        alone = not lines[text.lineno - 1][: text.col_offset].strip()
        if alone and following.lineno > text.end_lineno:
            drop.update(range(text.lineno - 1, text.end_lineno))
            after = text.end_lineno
            while after < len(lines) and not lines[after].strip():
                drop.add(after)
                after += 1
    return "\n".join(line for index, line in enumerate(lines) if index not in drop)
