"""Choosing scenarios by tags: `smoke`, `smoke and not slow`, `(apns or gcm) and fault`."""

import re
from collections.abc import Callable, Collection
from typing import Final

Condition = Callable[[Collection[str]], bool]
"""Says of a scenario's tags whether they are wanted."""

_TOKEN: Final = re.compile(r"\s*([a-z0-9][a-z0-9_-]*|[()])", re.ASCII)
_WORDS: Final = ("and", "or", "not")
MAX_DEPTH: Final = 50


class TagError(ValueError):
    """A tag expression that cannot be read."""


def parse_tags(text: str) -> Condition:
    """The condition that a tag expression stands for. Raises TagError."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        self._depth = 0
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                rest = text[at:].strip()
                raise TagError(f"'{rest}' is not a tag: tags have lowercase letters, digits, _, -")
            self._tokens.append(match[1])
            at = match.end()
        self._tokens.reverse()  # the next one is the last

    def parse(self) -> Condition:
        condition = self._or()
        if self._tokens:
            raise TagError(f"unexpected '{self._tokens[-1]}': join tags with 'and' or 'or'")
        return condition

    def _or(self) -> Condition:
        conditions = [self._and()]
        while self._take("or"):
            conditions.append(self._and())
        return lambda tags: any(condition(tags) for condition in conditions)

    def _and(self) -> Condition:
        conditions = [self._not()]
        while self._take("and"):
            conditions.append(self._not())
        return lambda tags: all(condition(tags) for condition in conditions)

    def _not(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TagError(f"nested more than {MAX_DEPTH} deep")
        condition = self._primary()
        self._depth -= 1
        return condition

    def _primary(self) -> Condition:
        if self._take("not"):
            inner = self._not()
            return lambda tags: not inner(tags)
        if self._take("("):
            inner = self._or()
            if not self._take(")"):
                raise TagError("a ')' is missing")
            return inner
        if not self._tokens or self._tokens[-1] in (*_WORDS, ")"):
            found = f"'{self._tokens[-1]}'" if self._tokens else "the end"
            raise TagError(f"a tag is missing before {found}")
        tag = self._tokens.pop()
        return lambda tags: tag in tags

    def _take(self, token: str) -> bool:
        if self._tokens and self._tokens[-1] == token:
            self._tokens.pop()
            return True
        return False
