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
    """Whether what IPython is given to show reaches a page: a Jupyter kernel runs this code.

    JupyterLab, VS Code, Colab, papermill and nbclient all run kernels, and a kernel publishes
    what it is given; IPython in a terminal prints it, by the plain publisher.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return False
    from IPython.core.displaypub import CapturingDisplayPublisher, DisplayPublisher

    # %%capture puts a publisher of its own in the place of either.
    if isinstance(shell.display_pub, CapturingDisplayPublisher):
        return hasattr(shell, "kernel")
    return type(shell.display_pub) is not DisplayPublisher
