# SPDX-License-Identifier: MIT
"""Numbers and tables as people read them: plain text and HTML."""

from collections.abc import Iterable, Sequence
from html import escape

__all__ = [
    "html_table",
    "printable",
    "remainder",
    "signed",
    "signed_size",
    "size_text",
    "text_table",
]

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def size_text(size: int) -> str:
    """Bytes with a binary unit.

    >>> size_text(12), size_text(-1536), size_text(8_000_000), size_text(11_520)
    ('12 B', '-1.5 KiB', '7.6 MiB', '11.3 KiB')
    """
    if abs(size) < 1024:
        return f"{size} B"
    for power, unit in enumerate(UNITS[1:], 1):  # as the extension does: halves are rounded up
        tenths = (abs(size) * 20 + 1024**power) // (2 * 1024**power)
        if tenths < 10240:
            break
    return f"{'-' if size < 0 else ''}{tenths // 10}.{tenths % 10} {unit}"


def signed(count: int) -> str:
    """A change of a number: "+12", "-3", "0"."""
    return f"{count:+,}" if count else "0"


def signed_size(size: int) -> str:
    """A change of bytes with a binary unit."""
    return f"+{size_text(size)}" if size > 0 else size_text(size)


def printable(text: str) -> str:
    r"""A text without line ends, terminal commands and lone surrogates; they are escaped.

    >>> printable("caf\xe9\n")
    'café\\n'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def text_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns aligned for a fixed-width font, the last one left, the others right.

    >>> print(text_table(("count", "type"), [("3", "list"), ("12", "app.Session")]), end="")
    count  type
        3  list
       12  app.Session
    """
    lines = [tuple(headers), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    widths[-1] = 0
    text = []
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        text.append("  ".join([*cells, line[-1]]) + "\n")
    return "".join(text)


def html_table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for a notebook. Everything in it is escaped; numbers stand right."""
    head = "".join(f"<th>{escape(name)}</th>" for name in headers)
    body = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in rows)
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _html_cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td style="text-align:right">{value:,}</td>'
    return f'<td style="text-align:left">{escape(str(value))}</td>'


def remainder(total: int, shown: int, what: str) -> str:
    """The line under a table that was cut, or "".

    >>> remainder(12, 10, "types")
    '... 2 more types\\n'
    """
    return f"... {total - shown:,} more {what}\n" if total > shown else ""
