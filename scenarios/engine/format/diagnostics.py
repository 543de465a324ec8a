"""What is wrong with a file, said as a compiler says it.

    scenarios/a.yaml:7:11: error[unknown-step]: there is no step 'mesage'
       7 |   - { do: mesage, by: ana }
         |           ^^^^^^
         help: did you mean 'message'?

The codes are stable: scripts and editors may rely on them. Columns count characters from 1.
"""

import bisect
import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.text import Text

MAX_WIDTH: Final = 100  # of a source line as shown; longer ones are cut around the caret


_TAB: Final = "    "  # as shown; where the tab stops of a terminal are, nobody can say


class Span(NamedTuple):
    """A stretch of a source text: offsets of its first character and of the one after its last."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. `span` is None if the file as a whole is meant (it does not exist)."""

    code: str
    message: str
    span: Span | None
    help: str = ""
    note: str = ""


class Source:
    """A file's name as the user wrote it, and its text."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts = [0]
        self._starts += [at + 1 for at, character in enumerate(text) if character == "\n"]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1."""
        line = bisect.bisect_right(self._starts, offset) - 1
        return line + 1, offset - self._starts[line] + 1

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].removesuffix("\r")


class InvalidScenario(Exception):
    """A scenario file with mistakes: all that were found, in the order of the file."""

    def __init__(self, source: Source, diagnostics: Iterable[Diagnostic]) -> None:
        self.source = source
        self.diagnostics = sorted(diagnostics, key=lambda d: d.span or Span(-1, -1))
        super().__init__(f"{source.name}: {len(self.diagnostics)} mistakes")

    def render(self) -> Text:
        """All of them for a terminal; `.plain` has no colours."""
        return Text("\n").join(render(self.source, each) for each in self.diagnostics)


def render(source: Source, diagnostic: Diagnostic) -> Text:
    """A diagnostic with its source line, several lines without a final line end."""
    where = source.name
    excerpt = Text()
    if diagnostic.span is not None:
        line, column = source.position(diagnostic.span.start)
        where += f":{line}:{column}"
        if _worth_showing(shown := source.line(line)):
            excerpt = _excerpt(shown, line, column - 1, diagnostic.span)
    text = Text.assemble(
        (f"{_visible(where)}: ", "bold"),
        (f"error[{diagnostic.code}]", "bold red"),
        (f": {_visible(diagnostic.message)}", "bold"),
        excerpt,
    )
    for label, content in (("note", diagnostic.note), ("help", diagnostic.help)):
        if content:
            text.append_text(
                Text.assemble("\n       ", (f"{label}: ", "bold cyan"), _visible(content))
            )
    return text


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Help for a name that is not among the known ones: a similar one, or all if they are few."""
    names = list(known)
    close = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.65)
    if close:
        return f"did you mean '{close[0]}'?"
    if not names:
        return ""
    if len(names) == 1:
        return f"only '{names[0]}' is possible here"
    if len(names) <= 30:
        return "possible here: " + ", ".join(names)
    return ""


def _worth_showing(line: str) -> bool:
    return bool(line.strip()) and "\0" not in line


def _excerpt(line: str, number: int, column: int, span: Span) -> Text:
    width = max(1, min(span.end - span.start, len(line) - column))
    first = max(0, column - MAX_WIDTH // 2) if len(line) > MAX_WIDTH else 0
    shown = line[first : first + MAX_WIDTH]
    lead, tail = ("… " if first else ""), (" …" if first + MAX_WIDTH < len(line) else "")
    before = sum(_columns(character) for character in lead + line[first:column])
    carets = sum(_columns(character) for character in shown[column - first :][:width])
    return Text.assemble(
        (f"\n{number:5} | ", "blue"),
        _visible(lead + shown + tail).replace("\t", _TAB),
        ("\n      | ", "blue"),
        " " * before,
        ("^" * max(1, carets), "bold red"),
    )


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if character == "\t":
        return len(_TAB)
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _visible(text: str) -> str:
    """The same without control characters, which could move a terminal's cursor."""
    return "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
