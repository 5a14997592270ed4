"""One line that says how far training is: a tqdm bar in a terminal or a notebook, or plain text.

In a notebook the line is one display that is rewritten in place and ends as a short summary, so
that a saved notebook keeps neither carriage returns nor an error stream nor an empty widget.
"""

import sys

from .once import in_notebook

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None


class _DisplayLine:
    """A file for tqdm that rewrites one display of the notebook."""

    encoding = "utf-8"

    def __init__(self):
        from IPython.display import display

        self._shown = "…"
        self._handle = display({"text/plain": self._shown}, raw=True, display_id=True)

    def write(self, text):
        text = text.strip("\r\n ")
        if text and text != self._shown:
            self._shown = text
            self._handle.update({"text/plain": text}, raw=True)

    def flush(self):
        pass


class Progress:
    """A progress line over `total` steps; a context manager.

    Parameters
    ----------
    total : int
        Steps of the whole run.
    done : int, default 0
        Steps done before, for a run that goes on.
    mode : 'auto', True or False
        'auto' draws a bar in a notebook and in a terminal, and nothing elsewhere. True prints a
        plain line an epoch where no bar can be drawn (output is a file, tqdm is missing).

    Raises
    ------
    ValueError
        Another mode.
    """

    def __init__(self, total, done=0, mode="auto"):
        if mode not in ("auto", True, False):
            raise ValueError(f"progress must be 'auto', True or False, got {mode!r}")
        self._bar = self._line = None
        notebook = in_notebook()
        drawable = tqdm is not None and (notebook or sys.stderr.isatty())
        self._plain = mode is True and not drawable
        if mode and drawable:
            self._line = _DisplayLine() if notebook else None
            self._bar = _bar(total, done, self._line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def step(self, loss):
        """Count one step."""
        if self._bar is not None:
            self._bar.loss = loss
            self._bar.update()

    def epoch(self, text):
        """Say what an epoch brought, where no bar shows it."""
        if self._plain:
            print(text)

    def print(self, text):
        """Print a line above the bar."""
        if self._bar is not None and self._line is None:
            tqdm.write(text, file=sys.stdout)
        else:
            print(text)

    def finish(self, summary):
        """End with a summary in the bar's place."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
            if self._line:
                self._line.write(summary)


def byte_bar(total, title):
    """A tqdm bar over `total` bytes (whoever counts may correct it); undrawn it only counts."""
    from tqdm import tqdm

    notebook = in_notebook()
    style = {"ncols": 88, "file": _DisplayLine()} if notebook else {"dynamic_ncols": True}
    return tqdm(
        total=total, desc=title, unit="B", unit_scale=True, miniters=1,
        mininterval=0.5 if notebook else 0.1,
        disable=not (notebook or sys.stderr.isatty()), **style,
    )  # fmt: skip


def _bar(total, done, line):
    class Bar(tqdm):
        monitor_interval = 0  # no second thread: it would draw into whichever cell runs by then
        loss = None

        @property
        def format_dict(self):
            values = super().format_dict
            if self.loss is not None:
                values["postfix"] = f"loss {self.loss:.4f}"
            return values

    style = {"ncols": 88, "mininterval": 0.5, "file": line} if line else {"dynamic_ncols": True}
    return Bar(
        total=total,
        initial=done,
        unit="step",
        ascii=False,
        leave=line is not None,
        bar_format="{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} steps [{elapsed}<{remaining}] "
        "{postfix}",
        **style,
    )
