# SPDX-License-Identifier: MIT
"""The records of a class tracker as a JSON file.

One object: "format" and "version" say what it is; "snapshots" and "objects" hold one object each
for every snapshot and every tracked object, with the attributes of the same names.
"""

import math
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import IO, Any

from heapsight._core import HeapsightOSError, HeapsightValueError
from heapsight._tracked import Call, Sized, TrackedObject
from heapsight._tracker_snapshot import ProcessMemory, TrackerSnapshot

__all__ = ["read_records", "write_records"]

FORMAT = "heapsight class tracker"
VERSION = 1

Place = str | PathLike[str] | IO[bytes]


def write_records(
    place: Place,
    index: Mapping[str, Sequence[TrackedObject]],
    snapshots: Sequence[TrackerSnapshot],
    close: bool,
) -> None:
    """Write to a path or an open binary file, which is closed if `close`."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "snapshots": [_snapshot_fields(taken) for taken in snapshots],
        "objects": [_object_fields(record) for records in index.values() for record in records],
    }
    import json

    data = json.dumps(document, separators=(",", ":")).encode()
    try:
        if not isinstance(place, str | PathLike):
            place.write(data)
            if close:
                place.close()
            return
        with open(place, "wb") as file:
            file.write(data)
    except OSError as problem:
        raise _os_error(problem, "write", place) from problem


def read_records(place: Place) -> tuple[dict[str, list[TrackedObject]], list[TrackerSnapshot]]:
    """The records by name and the snapshots, from a path or an open binary file."""
    import json

    try:
        if isinstance(place, str | PathLike):
            with open(place, "rb") as file:
                data = file.read()
        else:
            data = place.read()
    except OSError as problem:
        raise _os_error(problem, "read", place) from problem
    try:
        return _parse(json.loads(data, parse_float=_finite, parse_constant=_finite))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise HeapsightValueError(
            f"{_name(place)} is not a file that dump_stats() wrote: {problem}"
        ) from problem


def _finite(text: str) -> float:
    """No size or time is infinite, as a number with one digit too many in its exponent is."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of a file")
    return number


def _parse(
    document: dict[str, Any],
) -> tuple[dict[str, list[TrackedObject]], list[TrackerSnapshot]]:
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}")
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']!r}, this heapsight knows {VERSION}")
    index: dict[str, list[TrackedObject]] = {}
    for fields in document["objects"]:
        record = _object(fields)
        index.setdefault(record.name, []).append(record)
    return index, [_snapshot(fields) for fields in document["snapshots"]]


def _snapshot_fields(taken: TrackerSnapshot) -> dict[str, Any]:
    return {**vars(taken), "system_total": taken.system_total._asdict()}


def _snapshot(fields: dict[str, Any]) -> TrackerSnapshot:
    taken = TrackerSnapshot(float(fields["timestamp"]), str(fields["desc"]))
    taken.tracked_total = int(fields["tracked_total"])
    taken.asizeof_total = int(fields["asizeof_total"])
    taken.overhead = int(fields["overhead"])
    taken.system_total = ProcessMemory(**fields["system_total"])
    for name, row in fields["classes"].items():
        taken.classes[name] = {key: float(row[key]) for key in ("sum", "avg", "pct", "active")}
    return taken


def _object_fields(record: TrackedObject) -> dict[str, Any]:
    plain = ("name", "type_name", "id", "resolution_level", "birth", "birth_size", "death", "trace")
    return {**{key: getattr(record, key) for key in plain}, "samples": record.samples[1:]}


def _object(fields: dict[str, Any]) -> TrackedObject:
    record = TrackedObject(
        str(fields["name"]),
        str(fields["type_name"]),
        int(fields["id"]),
        int(fields["resolution_level"]),
        int(fields["birth_size"]),
    )
    record.birth = float(fields["birth"])
    record.death = None if fields["death"] is None else float(fields["death"])
    record.trace = None if fields["trace"] is None else [Call(*call) for call in fields["trace"]]
    for timestamp, size, refs in fields["samples"]:
        record.add_sample(float(timestamp), int(size), tuple(map(_sized, refs)))
    return record


def _sized(fields: list[Any]) -> Sized:
    name, size, refs = fields
    return Sized(str(name), int(size), tuple(map(_sized, refs)))


def _name(place: Place) -> str:
    if isinstance(place, str | PathLike):
        return fspath(place)
    return str(getattr(place, "name", "the stream"))


def _os_error(problem: OSError, verb: str, place: Place) -> HeapsightOSError:
    return HeapsightOSError(f"cannot {verb} {_name(place)}: {problem.strerror or problem}")
