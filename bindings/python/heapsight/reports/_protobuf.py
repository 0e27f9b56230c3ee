# SPDX-License-Identifier: MIT
"""The part of the protocol buffers encoding that a profile needs: varints, texts, messages.

A field is its number and the kind of its value in one varint, then the value. Kind 0 is a varint:
7 bits a byte, the lowest first, the top bit set on all but the last. Kind 2 is a length in bytes,
then as many bytes: a text, a message or packed varints.
"""

from collections.abc import Iterable

__all__ = ["Message", "varint"]

HIGHEST = (1 << 63) - 1  # of int64, which is what readers take


def varint(value: int) -> bytes:
    """A number from 0 up; what does not fit into int64 becomes its highest value.

    >>> varint(1), varint(300)
    (b'\\x01', b'\\xac\\x02')
    """
    value = min(value, HIGHEST)
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class Message:
    """A message that grows field by field; `data` is its encoding so far."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, field: int, value: int) -> "Message":
        """Add a whole number or a truth value. 0 is what a reader takes for a missing field."""
        if value:
            self.data += varint(field << 3) + varint(value)
        return self

    def packed(self, field: int, values: Iterable[int]) -> "Message":
        """Add a list of whole numbers."""
        return self._bytes(field, b"".join(map(varint, values)))

    def text(self, field: int, value: str) -> "Message":
        """Add a text; lone surrogates are escaped, readers take UTF-8 only."""
        return self._bytes(field, value.encode("utf-8", "backslashreplace"))

    def message(self, field: int, value: "Message") -> "Message":
        """Add a message as it is now."""
        return self._bytes(field, bytes(value.data))

    def _bytes(self, field: int, value: bytes) -> "Message":
        self.data += varint(field << 3 | 2) + varint(len(value)) + value
        return self
