"""Searches the files of a run for what must never be written down: tokens, keys, passwords, texts.

Secrets shorter than eight characters are not searched for: they cannot be told from ordinary
words. A token is found in any case of its letters and inside a longer word.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIN_LENGTH: Final = 8
_PREFIX: Final = 16
_WORD: Final = re.compile(rb"[A-Za-z0-9_:%.-]{24,}")
_LIKE_A_WORD: Final = re.compile(r"[A-Za-z0-9_:.-]{24,}")


@dataclass(frozen=True, slots=True)
class Secret:
    """Something secret, and what sort of secret it is ("push token of phone")."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret stands in a file. Says which sort, never the secret itself."""

    kind: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"the {self.kind} stands in {self.file}, line {self.line}"


class LeakScanner:
    """Looks for many secrets in one pass over a file.

    Long secrets that look like one word (tokens, keys) are looked up by their beginning, so that
    a fleet's ten thousand tokens cost no more than one; the others are tried one by one.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._words: dict[bytes, list[tuple[bytes, str]]] = {}
        texts: dict[bytes, str] = {}
        for secret in secrets:
            if len(secret.text) < MIN_LENGTH:
                continue
            if _LIKE_A_WORD.fullmatch(secret.text):
                word = secret.text.lower().encode()
                self._words.setdefault(word[:_PREFIX], []).append((word, secret.kind))
            else:
                texts[secret.text.encode()] = secret.kind
                texts[json.dumps(secret.text)[1:-1].encode()] = secret.kind
        self._texts = texts
        pattern = b"|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
        self._pattern = re.compile(pattern) if texts else None

    def scan(self, path: Path) -> Iterator[Leak]:
        """The leaks in a file, in order."""
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                for kind in self._in(line):
                    yield Leak(kind, path.name, number)

    def _in(self, line: bytes) -> Iterator[str]:
        if self._pattern is not None:
            for match in self._pattern.finditer(line):
                yield self._texts[match[0]]
        for found in _WORD.finditer(line):
            word = found[0].lower()
            for start in range(len(word) - _PREFIX + 1):
                for secret, kind in self._words.get(word[start : start + _PREFIX], ()):
                    if word.startswith(secret, start):
                        yield kind
