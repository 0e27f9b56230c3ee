# SPDX-License-Identifier: MIT
"""Other packages name the references in their C structs: register_fields() in Python, and in C by
heapsight/labels.h. The extension module labelled.c is built for it."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from building import built
from references import Heap, Reference, pairs

import heapsight

SOURCE = Path(__file__).with_name("labelled.c")
WORD = ctypes.sizeof(ctypes.c_void_p)
PAIR = {"attribute left": "left", "internal right": "right", "internal the hidden one": "hidden"}


def build(folder: Path, include: str) -> ModuleType:
    """Compile labelled.c with the headers of a folder, and import it."""
    warnings = ["-Wextra", "-Wno-missing-field-initializers"]
    library = built(SOURCE, folder / "labelled.so", *warnings, f"-I{include}")
    spec = importlib.util.spec_from_file_location("labelled", library)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build(tmp_path_factory.mktemp("labelled"), heapsight.get_include())


@pytest.fixture
def pair(labelled: Any) -> Iterator[Any]:
    """The type Pair, of which nothing has been said."""
    made = labelled.make_type("Pair")
    heapsight.register_fields(made, {})
    yield made
    heapsight.register_fields(made, {})


@pytest.fixture
def references(tmp_path: Path) -> Callable[[object], list[Reference]]:
    """references(obj): as a snapshot of this moment has them."""
    return lambda holder: Heap(tmp_path / "now.hsnap").references(holder)


References = Callable[[object], list[Reference]]


def parts() -> dict[str, object]:
    return {"left": ["left"], "right": ["right"], "hidden": ["hidden"]}


def named(held: dict[str, object], names: dict[str, str], **more: object) -> list[Reference]:
    """The references of labels; each value is the name of a part."""
    return pairs({**{label: [held[part]] for label, part in names.items()}, **more})


def in_python(labelled: Any, kind: type) -> None:
    offsets = {"left": labelled.LEFT, "right": labelled.RIGHT, "the hidden one": labelled.HIDDEN}
    heapsight.register_fields(kind, offsets)


def in_c(labelled: Any, kind: type) -> None:
    labelled.register_pair(kind)


@pytest.mark.parametrize("register", [in_python, in_c])
def test_fields_have_the_names_that_were_said(
    labelled: Any, pair: Any, references: References, register: Callable[[Any, type], None]
) -> None:
    """Before the first snapshot of the type or after it, and in all that follow."""
    held = parts()
    holder = pair(*held.values())
    assert references(holder) == pairs({"internal": list(held.values()), "class": pair})
    register(labelled, pair)
    for _ in range(2):
        assert references(holder) == named(held, PAIR, **{"class": pair})


def test_an_attribute_is_shown_as_one(labelled: Any, pair: Any) -> None:
    labelled.register_pair(pair)
    holder = pair(target := ["held"], None, None)
    expressions = {path.expression for path in heapsight.why(target).paths()}
    assert any(expression.endswith("holder.left") for expression in expressions), expressions
    del holder


def test_what_derives_from_the_type_has_the_names_too(
    labelled: Any, pair: Any, references: References
) -> None:
    labelled.register_pair(pair)
    held = parts()
    child_type = type("Child", (pair,), {"__slots__": ("slot",)})
    child = child_type(*held.values())
    child.slot = ["slot"]
    assert references(child) == named(
        held, PAIR, **{"class": child_type, "attribute slot": [child.slot]}
    )
    heir_type = labelled.make_type("Heir", pair)
    heir = heir_type(*held.values(), more := ["more"])
    assert references(heir) == named(held, PAIR, **{"class": heir_type, "internal": [more]})
    heapsight.register_fields(heir_type, {"more": labelled.MORE, "left": labelled.LEFT})
    assert references(heir) == named(held, PAIR, **{"class": heir_type, "internal more": [more]})
    assert references(child)[0][0] == "attribute left"
    heapsight.register_fields(heir_type, {})


def test_the_rest_of_a_base_is_not_that_of_a_type_that_tells_more(
    labelled: Any, pair: Any, references: References
) -> None:
    heapsight.register_fields(pair, {"left": labelled.LEFT}, rest="others")
    held = parts()
    holder = pair(*held.values())
    others = [held["right"], held["hidden"]]
    assert references(holder) == pairs(
        {"attribute left": [held["left"]], "internal others": others, "class": pair}
    )
    child_type = type("Child", (pair,), {"__slots__": ()})
    assert references(child_type(*held.values())) == pairs(
        {"attribute left": [held["left"]], "internal others": others, "class": child_type}
    )
    heir_type = labelled.make_type("Heir", pair)
    assert references(heir_type(*held.values(), more := ["more"])) == pairs(
        {"attribute left": [held["left"]], "internal": [*others, more], "class": heir_type}
    )


def test_saying_it_again_replaces_what_was_said(
    labelled: Any, pair: Any, references: References
) -> None:
    held = parts()
    holder = pair(*held.values())
    labelled.register_pair(pair)
    labelled.register(pair, "one", labelled.HIDDEN, b"")
    others = [held["left"], held["right"]]
    expected = {"internal one": [held["hidden"]], "internal": others, "class": pair}
    assert references(holder) == pairs(expected)
    with pytest.raises(ValueError):
        heapsight.register_fields(pair, {"two": labelled.LEFT, "none": 1})
    assert references(holder) == pairs(expected), "a refusal leaves what was said before"
    labelled.register(pair, None, 0, b"")
    assert references(holder) == pairs({"internal": list(held.values()), "class": pair})


def test_nothing_keeps_the_type_alive_and_it_is_known_when_it_comes_again(
    labelled: Any, references: References
) -> None:
    kind = labelled.make_type("Pair")
    before = (sys.getrefcount(kind), weakref.getweakrefcount(kind))
    labelled.register_pair(kind)
    assert (sys.getrefcount(kind), weakref.getweakrefcount(kind)) == before
    held = parts()
    assert references(kind(*held.values()))[0] == ("attribute left", id(held["left"]))
    gone = weakref.ref(kind)
    del kind
    gc.collect()
    assert gone() is None
    again = labelled.make_type("Pair")
    holder = again(*held.values())
    assert references(holder) == named(held, PAIR, **{"class": again})
    heapsight.register_fields(again, {})


def test_a_type_of_another_name_or_other_code_is_another_one(
    labelled: Any, pair: Any, references: References
) -> None:
    labelled.register_pair(pair)
    held = parts()
    others = {"internal": list(held.values())}
    renamed = labelled.make_type("Pair")
    renamed.__name__ = "Renamed"
    assert references(renamed(*held.values())) == pairs({**others, "class": renamed})
    crowd = labelled.make_type("Crowd")
    crowd.__name__ = "labelled.Pair"  # its tp_name; the owner lies where a Pair has the hidden one
    holder = crowd(0, held["left"])
    assert references(holder) == pairs({"internal": [held["left"]], "class": crowd})


def test_a_wrong_offset_costs_no_more_than_a_name(
    labelled: Any, pair: Any, references: References
) -> None:
    held = parts()
    holder = pair(*held.values())
    heapsight.register_fields(pair, {"wrong": labelled.LEFT, "left": labelled.RIGHT})
    assert references(holder) == pairs(
        {
            "internal wrong": [held["left"]],
            "attribute left": [held["right"]],
            "internal": [held["hidden"]],
            "class": pair,
        }
    )
    crowd = labelled.make_type("Crowd")  # its first words are a pointer to an array and a number
    heapsight.register_fields(crowd, {"array": 2 * WORD, "number": 3 * WORD, "empty": 5 * WORD})
    holder = crowd(2, held["left"])
    items = [item for item in gc.get_referents(holder) if type(item) is float]
    expected = {"internal": [held["left"], *items], "class": crowd}
    assert len(items) == 2 and references(holder) == pairs(expected)
    assert heapsight.snapshot().info["overcounted_count"] == 0
    heapsight.register_fields(crowd, {})


MANY = 5000  # more than the walk looks through where members are many as well


def test_an_array_is_the_rest(labelled: Any, references: References) -> None:
    crowd = labelled.make_type("Crowd")
    heapsight.register_fields(crowd, {"owner": labelled.OWNER}, rest="items")
    holder = crowd(MANY, owner := ["owner"])
    items = [item for item in gc.get_referents(holder) if type(item) is float]
    assert len(items) == MANY
    assert references(holder) == pairs(
        {"internal owner": [owner], "internal items": items, "class": crowd}
    )
    heapsight.register_fields(crowd, {})


def test_where_members_were_not_looked_for_the_rest_has_no_name(
    labelled: Any, references: References
) -> None:
    """The owner may be among it."""
    crowd = labelled.make_type("CrowdOfMembers")
    heapsight.register_fields(crowd, {"owner": labelled.OWNER}, rest="items")
    few, many = crowd(3, owner := ["owner"]), crowd(MANY, owner)
    assert {label for label, _ in references(few)} == {"class", "internal items", "internal owner"}
    assert {label for label, _ in references(many)} == {"class", "internal"}
    heapsight.register_fields(crowd, {})


def test_the_dict_of_a_module_with_much_state(labelled: Any, references: References) -> None:
    labelled.fill_state(MANY)
    state = [item for item in gc.get_referents(labelled) if type(item) is float]
    assert len(state) == MANY
    assert references(labelled) == pairs(
        {
            "attribute __dict__": vars(labelled),
            "attribute __name__": labelled.__name__,
            "internal module state": state,
        }
    )


# ---- refusals ----

PYTHON_CLASS = type("Mine", (), {"__slots__": ("slot",)})
REFUSED_TYPES = {
    "class in Python": (lambda labelled: PYTHON_CLASS, "Mine is a class written in Python"),
    "child in Python": (lambda labelled: type("C", (labelled.make_type("Pair"),), {}), "C is a class"),
    "own rule": (lambda labelled: dict, "dict is walked by a rule of heapsight's own"),
    "metaclass": (
        lambda labelled: labelled.make_type("Meta", type),
        "labelled.Meta is walked by a rule of heapsight's own",
    ),
    "base's rule": (
        lambda labelled: labelled.make_type("Listed", list),
        "labelled.Listed is walked by a rule of heapsight's own",
    ),
    "no collector": (
        lambda labelled: labelled.make_type("Still"),
        "labelled.Still tells the collector of no references",
    ),
}
REFUSED_OFFSETS = {
    8: "field left at offset 8 lies before the end of the object's header, which takes 16 bytes",
    40: "field left at offset 40 ends behind the struct, which takes 40 bytes (tp_basicsize)",
    36: "field left at offset 36 ends behind the struct",
    20: "field left at offset 20 can hold no reference, as 20 is no multiple of 8",
    -8: "field left at offset -8 lies",
    2**62: "field left at offset 4611686018427387904",
}


@pytest.mark.parametrize("case", REFUSED_TYPES)
@pytest.mark.parametrize("language", ["Python", "C"])
def test_types_that_cannot_have_names(labelled: Any, case: str, language: str) -> None:
    make, message = REFUSED_TYPES[case]
    kind = make(labelled)
    with pytest.raises(heapsight.HeapsightValueError) as refused:
        if language == "C":
            labelled.register(kind, "left", 16, b"")
        else:
            heapsight.register_fields(kind, {"left": 16})
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("offset", REFUSED_OFFSETS)
@pytest.mark.parametrize("language", ["Python", "C"])
def test_offsets_that_cannot_be_right(
    labelled: Any, pair: Any, offset: int, language: str
) -> None:
    with pytest.raises(heapsight.HeapsightValueError) as refused:
        if language == "C":
            labelled.register(pair, "left", offset, b"")
        else:
            heapsight.register_fields(pair, {"right": 24, "left": offset})
    text = str(refused.value)
    assert "Pair" in text and REFUSED_OFFSETS[offset] in text and "offsetof(struct, field)" in text


def test_two_names_for_one_place(labelled: Any, pair: Any) -> None:
    with pytest.raises(heapsight.HeapsightValueError, match="one and two are both at offset 16"):
        heapsight.register_fields(pair, {"one": 16, "two": 16})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, {}), "the type must be a class, not int"),
        ((int, ["left"]), "int: the fields must be a mapping from name to offset in bytes, not list"),
        ((int, {3: 16}), "int: a name must be a str, not 3"),
        ((int, {"left": "16"}), "int: the offset of left must be an int, in bytes, not '16'"),
        ((int, {"left": True}), "int: the offset of left must be an int, in bytes, not True"),
    ],
)
def test_arguments_of_another_kind(arguments: Any, message: str) -> None:
    with pytest.raises(heapsight.HeapsightTypeError) as refused:
        heapsight.register_fields(*arguments)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "labelled.Pair: the name of {what} has no bytes; it may have 1 to 200"),
        ("n" * 201, "labelled.Pair: the name of {what} has too many bytes; it may have 1 to 200"),
        ("two\nlines", "Pair: the name 'two\\nlines' has characters without a shape"),
        ("a\0b", "Pair: the name 'a\\x00b' has characters without a shape"),
    ],
)
def test_names_that_cannot_be_shown(pair: Any, name: str, message: str) -> None:
    with pytest.raises(heapsight.HeapsightValueError) as refused:
        heapsight.register_fields(pair, {name: 16})
    assert str(refused.value) == message.format(what="a field")
    with pytest.raises(heapsight.HeapsightValueError) as refused:
        heapsight.register_fields(pair, {}, rest=name)
    assert str(refused.value) == message.format(what="the rest")
    heapsight.register_fields(pair, {"n" * 200: 16}, rest="\xe9" * 100)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, "left", 16, b""), "register_fields() was given NULL, not a type"),
        ((3, "left", 16, b""), "register_fields() was given int, not a type"),
        ((None, "left", 16, b""), "pass a PyTypeObject *"),
    ],
)
def test_what_c_may_pass_by_mistake(labelled: Any, arguments: Any, message: str) -> None:
    with pytest.raises(heapsight.HeapsightValueError) as refused:
        labelled.register(*arguments)
    assert message in str(refused.value)


def test_a_name_from_c_is_utf8(labelled: Any, pair: Any) -> None:
    with pytest.raises(heapsight.HeapsightValueError, match="the name of the rest is no UTF-8"):
        labelled.register(pair, None, 0, b"\xff")
    labelled.register(pair, None, 0, "h\xf6chst".encode())


# ---- the header ----


def header(folder: Path, old: str, new: str) -> str:
    """A folder with a changed copy of the header, as another heapsight would install it."""
    text = Path(heapsight.get_include(), "heapsight", "labels.h").read_text()
    assert text.count(old) == 1
    (folder / "heapsight").mkdir()
    (folder / "heapsight" / "labels.h").write_text(text.replace(old, new))
    return str(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "#define HSIGHT_LABELS_VERSION 1",
            "#define HSIGHT_LABELS_VERSION 2",
            "this heapsight has version 1 of heapsight/labels.h, the extension module was built with "
            "version 2: build it again with heapsight.get_include()",
        ),
        (
            "} hsight_labels;",
            "    int (*something_new)(void);\n} hsight_labels;",
            "this heapsight is older than the heapsight/labels.h that the extension module was built "
            "with: install a newer heapsight",
        ),
        (
            '"heapsight._core.labels"',
            '"heapsight._core.capture"',
            'PyCapsule_Import "heapsight._core.capture" is not valid',
        ),
    ],
    ids=["other version", "older", "no capsule"],
)
def test_an_extension_built_for_another_heapsight(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    other = build(tmp_path, header(tmp_path, old, new))
    with pytest.raises((ImportError, AttributeError)) as refused:
        other.register_pair(other.make_type("Pair"))
    assert str(refused.value) == message


@pytest.mark.parametrize("language", ["c", "c++"])
def test_the_header_compiles_alone(language: str) -> None:
    compiler = shutil.which("cc" if language == "c" else "c++")
    headers = sysconfig.get_path("include")
    if compiler is None or not Path(headers, "Python.h").is_file():
        pytest.skip(f"no compiler for {language}, or no headers of this Python")
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-function", "-fsyntax-only"]
    standard = "-std=c11" if language == "c" else "-std=c++11"
    folders = [f"-I{heapsight.get_include()}", f"-isystem{headers}"]
    source = "#include <heapsight/labels.h>\n" * 2
    subprocess.run(
        [compiler, f"-x{language}", standard, *strict, *folders, "-"],
        input=source, text=True, check=True,
    )
