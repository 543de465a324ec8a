"""What the models refuse is said in the words of the format."""

from typing import Any

import pytest
from pydantic_core._pydantic_core import list_all_errors

from scenarios.engine.format.nodes import MappingNode
from scenarios.engine.format.quantities import NAME_PATTERN
from scenarios.engine.format.validation import diagnostic
from scenarios.engine.format.yaml_reader import YamlReader
from tests.scenarios.engine.format.test_mutations import LIBRARYS_WORDS


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda each: each["type"])
def test_no_kind_of_error_is_told_in_the_words_of_the_library(error: Any) -> None:
    root = YamlReader("world: {sites: 3}\n").read()
    assert isinstance(root, MappingNode)
    context = {**(error["example_context"] or {}), "pattern": NAME_PATTERN}
    if error["type"] == "value_error":
        context["error"] = ValueError("our own words")
    told = diagnostic(
        root,
        {
            "type": error["type"], "loc": ("world", "sites"), "input": 3,
            "msg": error["example_message_python"], "ctx": context,
        },
    )  # fmt: skip
    said = f"{told.message} {told.help}"
    assert told.message
    assert told.message != error["example_message_python"]
    assert not [words for words in LIBRARYS_WORDS if words in said]
