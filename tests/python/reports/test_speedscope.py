# SPDX-License-Identifier: MIT
"""Files for speedscope: valid by its published schema, and nothing is lost."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from made_traces import FEW, TRACES, made_trace, stack, sums

SCHEMA = Path(__file__).parent / "data" / "speedscope-1.25.0.schema.json"
FIGURES = ("live", "peak", "total")


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    return jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))


def read(trace):
    return json.loads(trace.report("speedscope"))


def test_a_program_is_valid(validator, trace, sampled):
    validator.validate(read(trace))
    validator.validate(read(sampled))
    assert "estimated" in read(sampled)["name"]


def test_nothing_is_valid(validator, without_stacks):
    validator.validate(read(without_stacks))


@FEW
@given(trace=TRACES)
def test_any_trace_is_valid(validator, trace):
    validator.validate(read(trace))


def test_the_schema_can_refuse(validator, trace):
    data = read(trace)
    data["profiles"][0]["unit"] = "byte"
    assert not validator.is_valid(data)


@FEW
@given(TRACES)
def test_weights_are_all_bytes(trace):
    data = read(trace)
    for figure, profile in zip(FIGURES, data["profiles"], strict=True):
        assert profile["endValue"] == sum(profile["weights"]) == sums(trace, figure)[0]
        assert len(profile["samples"]) == len(profile["weights"])
        places = {place for sample in profile["samples"] for place in sample}
        assert places <= set(range(len(data["shared"]["frames"])))


def test_the_outermost_frame_comes_first():
    data = read(made_trace([stack(("main", "/a.py", 9), ("load", "/a.py", 3))]))
    (sample,) = data["profiles"][0]["samples"]
    frames = [data["shared"]["frames"][place] for place in sample]
    assert [frame["name"] for frame in frames] == ["main", "load"]
    assert frames[1] == {"name": "load", "file": "/a.py", "line": 3}
