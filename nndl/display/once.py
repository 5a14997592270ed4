"""What a notebook shows, and shows once."""

import sys


class ShownOnce:
    """What a notebook shows once in the cell that makes it, and anew when a later cell ends in it.

    A subclass has `_publish()`, which sends the picture to the notebook.
    """

    _shown_in = None

    def _ipython_display_(self):
        from IPython import get_ipython

        shell = get_ipython()
        cell = (id(shell), getattr(shell, "execution_count", None))
        if self._shown_in == cell:
            return
        self._shown_in = cell
        self._publish()


def in_notebook():
    """Whether a notebook's kernel runs this, which shows pictures below the cell."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and type(shell.display_pub).__name__ != "DisplayPublisher"
