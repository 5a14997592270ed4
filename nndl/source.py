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
        return f"```python\n{self.code}\n```"


def show_source(obj, docstring=False):
    """Return the source of a function or class, for display as the value of a cell.

    Parameters
    ----------
    obj : function, class or module
    docstring : bool
        Keep the docstring of a function (it is left out by default: the text beside
        the cell says what the function is for).

    Returns
    -------
    Source
        Shown with colours in Jupyter; `str()` gives the plain text.
    """
    try:
        code = textwrap.dedent(inspect.getsource(obj))
    except (TypeError, OSError):
        raise TypeError(
            f"show_source expects a function or class with Python source, got {obj!r}: "
            "pass the name itself (show_source(nndl.conv2d)), not a string or a result"
        ) from None
    if not docstring and inspect.isfunction(obj) and ast.get_docstring(tree := ast.parse(code)):
        node = tree.body[0].body[0]
        lines = code.splitlines()
        code = "\n".join(lines[: node.lineno - 1] + lines[node.end_lineno :])
    return Source(code.rstrip())
