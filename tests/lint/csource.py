# SPDX-License-Identifier: MIT
"""C source as the lints see it: comments and literals blanked, line numbers kept."""

from __future__ import annotations

import re

__all__ = ["strip_comments", "strip_literals"]

_TOKEN = re.compile(
    r"""//[^\n]*            # line comment
      | /\*.*?\*/           # block comment
      | "(?:\\.|[^"\\\n])*" # string
      | '(?:\\.|[^'\\\n])*' # character
    """,
    re.VERBOSE | re.DOTALL,
)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def strip_comments(text: str) -> str:
    """Replace comments by blanks; literals stay (an #include needs its quotes)."""
    return _TOKEN.sub(lambda m: _blank(m[0]) if m[0][0] == "/" else m[0], text)


def strip_literals(text: str) -> str:
    """Replace comments and string and character literals by blanks."""
    return _TOKEN.sub(lambda m: _blank(m[0]), text)
