"""What `show_source` shows, against texts written down here."""

import functools
import types

import pytest

from nndl.display.source import Source, show_source


def documented(x):
    """One line.

    And more.
    """

    # doubled on purpose
    return 2 * x


def undocumented(x):
    return x


def only_documented():
    """Nothing else."""


def one_line(): "doc"; return 1  # fmt: skip  # noqa: E702


class Example:
    """A class."""

    size = 3

    def method(self):
        """A method."""
        return "\N{MULTIPLICATION SIGN}"

    @staticmethod
    def empty():
        """Stays: it is all there is."""


def wrapped(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


@wrapped
def decorated(x):
    """Doc."""
    return x


def test_a_function_without_its_docstring():
    assert str(show_source(documented)) == (
        "def documented(x):\n    # doubled on purpose\n    return 2 * x"
    )


def test_a_function_with_its_docstring():
    text = str(show_source(documented, docstring=True))
    assert text.startswith('def documented(x):\n    """One line.\n')
    assert text.endswith("return 2 * x")


def test_a_function_without_docstring_is_shown_as_it_is():
    assert str(show_source(undocumented)) == "def undocumented(x):\n    return x"


def test_what_is_left_is_always_valid_python():
    for obj in (only_documented, one_line, Example, decorated, documented, types):
        compile(str(show_source(obj)), "shown", "exec")
    assert '"""Nothing else."""' in str(show_source(only_documented))


def test_classes_lose_the_docstrings_of_class_and_methods():
    assert str(show_source(Example)).splitlines() == [
        "class Example:",
        "    size = 3",
        "",
        "    def method(self):",
        '        return "\\N{MULTIPLICATION SIGN}"',
        "",
        "    @staticmethod",
        "    def empty():",
        '        """Stays: it is all there is."""',
    ]
    assert '"""A class."""' in str(show_source(Example, docstring=True))


@pytest.mark.parametrize("method", [Example.method, Example().method])
def test_methods_are_dedented(method):
    assert str(show_source(method)).splitlines()[0] == "def method(self):"
    assert "A method" not in str(show_source(method))


def test_a_decorated_function_shows_what_was_written():
    assert str(show_source(decorated)) == "@wrapped\ndef decorated(x):\n    return x"


def test_jupyter_gets_a_python_block_that_the_code_cannot_close():
    source = show_source(undocumented)
    assert source._repr_markdown_() == f"```python\n{source}\n```"
    assert repr(source) == str(source)
    assert Source("x = '''```'''")._repr_markdown_().startswith("````python\n")


@pytest.mark.parametrize("name", ["conv2d", "LeNet", "Conv2D", "ResBlock"])
def test_names_of_the_package(name):
    import nndl

    text = str(show_source(getattr(nndl, name)))
    kind = "def" if name == "conv2d" else "class"
    assert text.startswith(f"{kind} {name}(")
    assert "Parameters\n" not in text
    compile(text, name, "exec")


@pytest.mark.parametrize("value", ["conv2d", 3, len, Example(), None])
def test_values_without_source_are_refused(value):
    with pytest.raises(TypeError, match="expects a function or class with Python source, got"):
        show_source(value)
