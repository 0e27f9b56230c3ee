# SPDX-License-Identifier: MIT
"""A small reader of protocol buffers: fields with numbers and bytes."""

__all__ = ["fields", "numbers"]


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A varint and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def numbers(data: bytes) -> list[int]:
    """Packed varints."""
    found, at = [], 0
    while at < len(data):
        value, at = _number(data, at)
        found.append(value)
    return found


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """(field, its number or its bytes), in the order of the message."""
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        value, at = _number(data, at)
        if key & 7 == 2:
            assert at + value <= len(data)
            found.append((key >> 3, data[at : at + value]))
            at += value
        else:
            assert key & 7 == 0, "neither a varint nor a length"
            found.append((key >> 3, value))
    return found
