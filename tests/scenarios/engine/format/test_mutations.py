"""No damage to a scenario file ends in a traceback: it loads, or its mistakes are said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load
from scenarios.engine.format.nodes import plain
from scenarios.engine.format.yaml_reader import YamlReader
from scenarios.engine.shipped import SHIPPED

TEXTS = [path.read_text(encoding="utf-8") for path in sorted(SHIPPED.rglob("*.yaml"))]
PIECES = [
    "", "\n", " ", "\t", "  ", ":", ": ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!!str ", "$",
    "$$", "$matrix.x", "$result.id", "${", "'", '"', "#", "|", ">", "null", "true", "-1", "1e400",
    "0x", "5m", "5 m", "all", "fleet", "admin", "?", "<<: ", "---\n", "...\n", "%YAML 1.2\n", "\\",
    "\N{BYTE ORDER MARK}", "\u2028", "\x85", "é", "日本", "a" * 200, "format: 1\n",
    "flow:\n", "matrix: {x: [1, {}]}\n", "when: a.b < (1", "with: []", "\r", "\0", "\x1b",
]  # fmt: skip


LIBRARYS_WORDS = [
    "Input should", "Value error", "Extra inputs", "Field required", "String should", "should have",
    "List should", "Unable to", "unable to", "pydantic", "Key should", "<class",
]  # fmt: skip

KEYS = ["do", "by", "with", "when", "that", "count", "mix", "from", "dist", "latency", "x", "fates"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the mutations are written to, one after the other."""
    return tmp_path_factory.mktemp("mutations") / "a.yaml"


def read(path: Path, data: bytes) -> None:
    """Load it, and if there are mistakes, say them."""
    path.write_bytes(data)
    invalid = None
    try:
        load(path)
    except InvalidScenario as error:
        invalid = error
    if invalid is not None:
        said = invalid.render().plain
        assert said.count("error[") >= len(invalid.diagnostics) > 0
        assert "\x1b" not in said
        assert not [words for words in LIBRARYS_WORDS if words in said], said


edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(PIECES)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=200)
@given(text=st.sampled_from(TEXTS), edits=edits)
def test_a_scenario_with_pieces_cut_out_and_put_in(
    path: Path, text: str, edits: list[tuple[float, int, str]]
) -> None:
    for place, length, piece in edits:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + length :]
    read(path, text.encode("utf-8"))


@settings(max_examples=200)
@given(
    text=st.sampled_from(TEXTS),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=5),
)
def test_a_scenario_with_other_bytes(
    path: Path, text: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(text.encode("utf-8"))
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    read(path, bytes(data))


values = st.recursive(
    st.sampled_from([None, True, -1, 0, 1, 2.5, "", "x", "ios", "$matrix.n", "$x", "5m", "fleet"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=6,
)


@settings(max_examples=200)
@given(
    text=st.sampled_from(TEXTS),
    replacements=st.lists(st.tuples(st.floats(0, 0.999), values), min_size=1, max_size=3),
)
def test_a_scenario_with_parts_of_another_shape(
    path: Path, text: str, replacements: list[tuple[float, Any]]
) -> None:
    root = YamlReader(text).read()
    assert root is not None
    document = plain(root)
    for choice, value in replacements:
        places = list(slots(document))
        container, key = places[int(choice * len(places))]
        container[key] = value
    read(path, json.dumps(document).encode("utf-8"))


def slots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a document with each key or place in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(inner):
        yield value, key
        if isinstance(item, dict | list):
            yield from slots(item)
