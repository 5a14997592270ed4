"""What a reader sees beside figures: tables, sources, a line of progress."""

from .source import show_source
from .table import table

__all__ = [
    "show_source",
    "table",
]
