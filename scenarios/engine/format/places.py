"""Points at a place in a scenario file when something fails while it runs."""

from functools import cached_property
from pathlib import Path

from rich.text import Text

from scenarios.engine.format.diagnostics import Diagnostic, Source, render
from scenarios.engine.format.nodes import Location, Node, find, find_key
from scenarios.engine.format.yaml_reader import YamlReader


class Places:
    """The places of one file, which has been loaded without mistakes before."""

    def __init__(self, path: Path, text: str) -> None:
        self._source = Source(str(path), text)

    @cached_property
    def _root(self) -> Node:
        # Read when something fails first: most runs pass.
        root = YamlReader(self._source.text).read()
        assert root is not None, "a scenario that was loaded has a document"
        return root

    def failure(
        self, code: str, message: str, location: Location, *, at_key: bool = False, note: str = ""
    ) -> Text:
        """What failed, where it is asked for, and what else is known, for a terminal.

        `location` leads through keys and list places; `at_key` points at its last key.
        """
        span = find_key(self._root, location) if at_key else find(self._root, location).span
        return render(self._source, Diagnostic(code, message, span, note=note))
