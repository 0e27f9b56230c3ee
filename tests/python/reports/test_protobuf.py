# SPDX-License-Identifier: MIT
"""The encoding of profiles, read back by a decoder of its own."""

import pytest
from heapsight.reports._protobuf import Message, varint
from hypothesis import given
from hypothesis import strategies as st
from read_protobuf import fields, numbers


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16384, "808001"), ((1 << 63) - 1, "ff" * 8 + "7f")],
)
def test_a_number_has_7_bits_a_byte(value, encoded):
    assert varint(value).hex() == encoded


def test_a_number_too_large_for_a_reader_is_the_highest():
    assert varint(1 << 64) == varint((1 << 63) - 1)


@given(st.lists(st.integers(0, (1 << 63) - 1)))
def test_packed_numbers_come_back(values):
    ((field, data),) = fields(bytes(Message().packed(3, values).data))
    assert (field, numbers(data)) == (3, values)


@given(st.integers(1, 1000), st.text(), st.integers(1, (1 << 63) - 1))
def test_fields_come_back_in_their_order(field, text, number):
    inner = Message().text(1, text)
    message = Message().number(field, number).message(field + 1, inner).number(field, 0)
    assert fields(bytes(message.data)) == [
        (field, number),
        (field + 1, bytes(inner.data)),
    ]
    ((_, encoded),) = fields(bytes(inner.data))
    assert encoded == text.encode("utf-8", "backslashreplace")
