"""One table type for reports and notebooks: HTML in Jupyter, aligned text in a terminal."""

import html
import numbers
import re
import unicodedata

MISSING = "—"
_NUMBER = re.compile(r"[-−+]?\d[\d,]*(\.\d+)? ?[%×]?")


def table(rows, columns=None, caption=None, formats=None, emphasise=(), notes=()):
    """Lay rows out as a table that Jupyter shows as HTML and `print` as aligned text.

    Parameters
    ----------
    rows : list of dict, or list of sequences
        One entry a row. Dictionaries may leave keys out (shown as —).
    columns : list of str, optional
        Headings, and for dictionaries which keys in which order. Left out: the keys of the
        dictionaries in order of first appearance; no headings for sequences.
    caption : str, optional
        One line above the table.
    formats : dict of str to str, optional
        Heading → format specification of the numbers in that column, such as ``".1%"``.
        Otherwise integers get thousands separators and other numbers four significant digits.
    emphasise : iterable of int
        Indices of rows set in bold below a line, such as a total: ``[-1]`` is the last row.
    notes : iterable of str
        Lines in small print below the table.

    Returns
    -------
    Table
        `str()` gives the text, `.rows` the cells as given.

    Raises
    ------
    TypeError, ValueError
        When rows differ in kind or length, or an index or heading does not exist.

    Examples
    --------
    >>> from nndl.display import table
    >>> print(table([{"layer": "conv1", "weights": 9}, {"layer": "fc", "weights": 921600}]))
    layer  weights
    ─────  ───────
    conv1        9
    fc     921,600
    """
    rows = list(rows)
    if columns is not None:
        if isinstance(columns, str):
            raise TypeError(f"columns must be a list of headings, got the string {columns!r}")
        columns = list(columns)
    if rows and all(isinstance(row, dict) for row in rows):
        if columns is None:
            columns = list(dict.fromkeys(key for row in rows for key in row))
        elif unknown := [c for c in columns if not any(c in row for row in rows)]:
            raise ValueError(f"no row has the column {unknown[0]!r}; rows have {list(rows[0])}")
        cells = [[row.get(column) for column in columns] for row in rows]
    else:
        for row in rows:
            if isinstance(row, (dict, str)) or not hasattr(row, "__iter__"):
                raise TypeError(
                    "rows must be all dictionaries or all sequences of cells, "
                    f"got a {type(row).__name__}: {row!r}"
                )
        cells = [list(row) for row in rows]
    width = len(columns) if columns is not None else len(cells[0]) if cells else 0
    for index, row in enumerate(cells):
        if len(row) != width:
            raise ValueError(f"row {index} has {len(row)} cells where {width} were expected: {row}")
    marked = set()
    for index in emphasise:
        if not -len(rows) <= index < len(rows):
            raise ValueError(f"emphasise names row {index}, but the table has {len(rows)} rows")
        marked.add(index % len(rows))
    formats = dict(formats or {})
    if unknown := [name for name in formats if columns is None or name not in columns]:
        raise ValueError(f"formats names the column {unknown[0]!r}; the columns are {columns}")
    return Table(cells, columns, caption, formats, marked, list(notes))


class Table:
    """Cells with headings; made by `table`."""

    def __init__(self, rows, columns, caption, formats, marked, notes):
        self.rows, self.columns, self.caption = rows, columns, caption
        self.marked, self.notes = marked, notes
        specs = [formats.get(column) for column in columns] if columns is not None else None
        self._text = [
            [_text(cell, specs[i] if specs else None) for i, cell in enumerate(row)] for row in rows
        ]
        width = len(columns) if columns is not None else len(rows[0]) if rows else 0
        self._right = [_is_numeric([row[i] for row in rows]) for i in range(width)]

    def __str__(self):
        lines = [[str(c) for c in self.columns]] if self.columns is not None else []
        widths = [
            max((display_width(row[i]) for row in lines + self._text), default=0)
            for i in range(len(self._right))
        ]
        rule = "  ".join("─" * width for width in widths)
        out = [self.caption] if self.caption else []
        if self.columns is not None:
            out += [self._line(lines[0], widths), rule]
        for index, row in enumerate(self._text):
            if self._opens_emphasis(index):
                out.append(rule)
            out.append(self._line(row, widths))
        return "\n".join(out + [str(note) for note in self.notes])

    __repr__ = __str__

    def _line(self, row, widths):
        cells = [
            _pad(cell, width, right)
            for cell, width, right in zip(row, widths, self._right, strict=True)
        ]
        return "  ".join(cells).rstrip()

    def _opens_emphasis(self, index):
        return index in self.marked and index > 0 and index - 1 not in self.marked

    def _repr_html_(self):
        # Borders take the colour of the text and nothing has a background of its own:
        # the table follows a light or a dark theme.
        align = ["right" if right else "left" for right in self._right]
        out = ['<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">']
        if self.caption:
            caption = html.escape(str(self.caption))
            style = "text-align:left;font-weight:bold;padding:2px 8px"
            out.append(f'<caption style="{style}">{caption}</caption>')
        if self.columns is not None:
            heads = "".join(
                f'<th scope="col" style="text-align:{a};border-bottom:1px solid;padding:2px 8px">'
                f"{html.escape(str(c))}</th>"
                for c, a in zip(self.columns, align, strict=True)
            )
            out.append(f"<thead><tr>{heads}</tr></thead>")
        out.append("<tbody>")
        for index, row in enumerate(self._text):
            extra = ";font-weight:bold" if index in self.marked else ""
            extra += ";border-top:1px solid" if self._opens_emphasis(index) else ""
            out.append(
                "<tr>"
                + "".join(
                    f'<td style="text-align:{a};padding:2px 8px{extra}">{html.escape(cell)}</td>'
                    for cell, a in zip(row, align, strict=True)
                )
                + "</tr>"
            )
        out.append("</tbody></table>")
        if self.notes:
            notes = "<br>".join(html.escape(str(note)) for note in self.notes)
            out.append(f'<div style="font-size:85%;opacity:.8;max-width:60em">{notes}</div>')
        return "".join(out)


def display_width(text):
    """Columns that a terminal needs: East Asian wide characters take two, accents none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _pad(text, width, right):
    blank = " " * (width - display_width(text))
    return blank + text if right else text + blank


def _is_number(cell):
    return isinstance(cell, numbers.Number) and not isinstance(cell, bool)


def _is_numeric(column):
    """Whether a column stands right: numbers, and texts such as "12.5%", "1,024" or "3.2×"."""
    column = [
        cell for cell in map(_plain, column) if cell is not None and cell not in ("", MISSING)
    ]
    return bool(column) and all(
        _is_number(cell) or (isinstance(cell, str) and _NUMBER.fullmatch(cell)) for cell in column
    )


def _plain(cell):
    """A one-element array or tensor as the number in it."""
    if hasattr(cell, "item") and getattr(cell, "size", 0) == 1 and not isinstance(cell, str):
        return cell.item()
    return cell


def _text(cell, spec):
    cell = _plain(cell)
    if cell is None:
        return MISSING
    if not _is_number(cell):
        # the shape of a tensor is a list in older versions of Paddle, a paddle.Size in newer ones
        return str(list(cell) if type(cell).__name__ == "Size" else cell)
    if spec is not None:
        return format(cell, spec)
    if isinstance(cell, numbers.Integral):
        return f"{int(cell):,}"
    if isinstance(cell, numbers.Real):
        return f"{cell:,.0f}" if 1000 <= abs(cell) < 1e15 else f"{cell:.4g}"
    return str(cell)
