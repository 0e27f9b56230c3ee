# SPDX-License-Identifier: MIT
"""Options that several reports have."""

from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError

__all__ = ["check_count", "check_percent"]


def check_percent(percent: float) -> float:
    """`percent` if it is a share. Raises HeapsightTypeError or HeapsightValueError otherwise."""
    if not isinstance(percent, int | float) or isinstance(percent, bool):
        raise HeapsightTypeError(f"percent must be a number, not {type(percent).__name__}")
    if not 0 <= percent <= 100:
        raise HeapsightValueError(f"percent must be 0 to 100, not {percent}")
    return percent


def check_count(what: str, count: int) -> int:
    """`count` if it is 0 or more. Raises HeapsightTypeError or HeapsightValueError otherwise."""
    if not isinstance(count, int) or isinstance(count, bool):
        raise HeapsightTypeError(f"{what} must be a whole number, not {type(count).__name__}")
    if count < 0:
        raise HeapsightValueError(f"{what} must be 0 or more, not {count}")
    return count
