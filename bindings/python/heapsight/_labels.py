# SPDX-License-Identifier: MIT
"""Names for the references in C structs of other packages."""

import os.path
from collections.abc import Mapping

from heapsight import _core
from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError

__all__ = ["get_include", "register_fields"]


def register_fields(
    kind: type, fields: Mapping[str, int], /, *, rest: str | None = None
) -> None:
    """Say what the references in the C struct of a type are called, for all snapshots from now on.

    kind: a type written in C whose tp_traverse tells the collector of its references. fields: the
    name of each field and where it lies, in bytes from the start of the object, as offsetof() says.
    rest: what references are called that tp_traverse tells of and no field explains, as the items
    of an array in C; None leaves them without a name.

    A name that the type has as an attribute is shown as one (".left"), any other as a part inside
    ("left"). A reference gets the name of a field only when tp_traverse told of it and the field
    holds it: a wrong offset costs a wrong name or none, nothing else. What the type tells itself by
    tp_members keeps that name.

    Types derived from this one, in C or in Python, get the names as well; `rest` those that go by
    its tp_traverse. Calling again replaces what was said before of the type; no field and no rest
    takes it back. Names and offsets are copied, and nothing keeps the type alive: it is known again
    by its full name and its tp_traverse, also when the same C code makes it anew.

        >>> import heapsight
        >>> list_iterator = type(iter([]))           # header, position, the list: words of 8 bytes
        >>> heapsight.register_fields(list_iterator, {"sequence": 24})
        >>> heapsight.register_fields(list_iterator, {})

    Extension modules do this in C, with offsetof(): docs/labels.md.
    Raises HeapsightTypeError for arguments of another kind, and HeapsightValueError, which names
    type, field and remedy, for a type that cannot have names and for an offset that cannot be right.
    Cost: the number of fields, and of types named so far.
    """
    if not isinstance(kind, type):
        raise HeapsightTypeError(f"the type must be a class, not {type(kind).__name__}")
    if not isinstance(fields, Mapping):
        raise HeapsightTypeError(
            f"{kind.__name__}: the fields must be a mapping from name to offset in bytes, "
            f"not {type(fields).__name__}"
        )
    if rest is not None:
        _check_name(kind, rest)
    rows = []
    for name, offset in fields.items():
        _check_name(kind, name)
        rows.append((name, _check_offset(kind, name, offset)))
    _core.register_fields(kind, rows, rest)


def _check_name(kind: type, name: object) -> None:
    if not isinstance(name, str):
        raise HeapsightTypeError(f"{kind.__name__}: a name must be a str, not {name!r}")
    if "\0" in name or not name.isprintable():
        raise HeapsightValueError(f"{kind.__name__}: the name {name!a} has characters without a shape")


def _check_offset(kind: type, name: str, offset: object) -> int:
    if not isinstance(offset, int) or isinstance(offset, bool):
        raise HeapsightTypeError(
            f"{kind.__name__}: the offset of {name} must be an int, in bytes, not {offset!r}"
        )
    if not 0 <= offset < 2**31:
        raise HeapsightValueError(
            f"{kind.__name__}: field {name} at offset {offset} lies outside of the object: "
            "give offsetof(struct, field), in bytes"
        )
    return offset


def get_include() -> str:
    """The folder for the compiler's -I, so that `#include <heapsight/labels.h>` is found.

    >>> import heapsight, os
    >>> os.listdir(os.path.join(heapsight.get_include(), "heapsight"))
    ['labels.h']
    """
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")
