"""Options of every command, drawn from argparse's own parser, so that a new one is attacked, too;
conditions, tags and quantities as they are typed.
"""

import argparse
import contextlib
import os
from pathlib import Path
from random import Random
from typing import Any, Final

from scenarios.engine.commands.arguments import make_parser
from scenarios.engine.commands.tags import TagError, parse_tags
from scenarios.engine.format import units
from scenarios.engine.format.expression_syntax import ExpressionError
from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.fault_values import parse_moment, parse_rate, parse_span
from scenarios.engine.format.units import UnitError
from scenarios.engine.running.event_conditions import EventCondition
from tests.fuzz.file_targets import SMALL, command
from tests.fuzz.mutation import QUANTITIES, TEXTS, WRITTEN_NUMBERS, damaged_text
from tests.fuzz.target import Fault, Target

_HARMLESS: Final = ("check", "list", "diff", "replay", "schema", "run")
"""Commands that are carried out; the others, which start processes, are only parsed."""
_PLACES: Final = [
    *(
        "a.yaml",
        "pipe",
        "loop",
        "loop/x",
        "secret",
        "/dev/null",
        "/dev/full",
        "/dev/zero",
        "/proc/self",
    ),
    *("/proc/x", "", ".", "..", "nowhere/x", "a.yaml/x", "n" * 300, "/", "-", "--", "~", "*.yaml"),
]
_WORDS: Final = [
    *WRITTEN_NUMBERS, *QUANTITIES, *TEXTS, *_PLACES, "x=1", "x=1,x=2", "x", "smoke", "not smoke",
    "smoke and (slow or not fault)", "((", "and", "kind == push.accepted", "t > 1", "http://a:80",
]  # fmt: skip


def options(rng: Random, here: Path) -> str:
    """A command line of options that there are, with values that there should not be."""
    before = Path.cwd()
    os.chdir(here)
    try:
        return _options(rng, here)
    finally:
        os.chdir(before)


def _options(rng: Random, here: Path) -> str:
    (here / "a.yaml").write_text(SMALL, encoding="utf-8")
    os.mkfifo(here / "pipe")
    (here / "loop").symlink_to("loop")
    (here / "secret").touch(mode=0)
    _, commands = make_parser()
    name = rng.choice(list(commands))
    words = [name]
    for action in commands[name]._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        words += _words(rng, action)
    words = [word.replace("\0", "") for word in words]  # no shell can hand it over
    if name not in _HARMLESS or {"--live", "--gateway"} & {
        word.partition("=")[0] for word in words
    }:
        return _parsed(words)
    if name == "list" and words[-1] in ("/", "..", "/proc/self"):
        return "left out"
    if name in ("check", "run") and not {"/", "..", "/proc/self"}.isdisjoint(words):
        return "left out"
    if name == "run" and not any(word.startswith("--runs") for word in words):
        words.append("--runs=runs")
    code = command(*words, allowed=(0, 1, 4, 5))
    return {0: "taken", 1: "failed", 4: "refused", 5: "nothing"}[code]


def _words(rng: Random, action: Any) -> list[str]:
    """An option or a positional as it might be typed; mostly left out."""
    value = rng.choice(action.choices) if action.choices and rng.random() < 0.7 else None
    if not action.option_strings:
        count = rng.choice((1, 1, 2)) if action.nargs in ("+", "*") else 1
        return [value or rng.choice(("a.yaml", *_PLACES)) for _ in range(count)]
    if rng.random() < 0.7:
        return []
    option = rng.choice(action.option_strings)
    if action.nargs == 0:
        return [option]
    if option == "--debug":
        return []
    given = value or rng.choice(_WORDS)
    return [f"{option}={given}"] if option.startswith("--") else [option, given]


def _parsed(words: list[str]) -> str:
    from scenarios.engine.commands.arguments import parse
    from tests.fuzz.file_targets import said

    with said():
        try:
            parse(words)
        except SystemExit as asked:
            if asked.code not in (0, 4):
                raise Fault(f"{words}: {asked.code}") from None
            return "refused"
    return "taken"


class _Everything:
    """A scope in which every name has a value."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def reference(self, path: tuple[str, ...]) -> Any:
        if self._rng.random() < 0.1:
            raise LookupError("there is none")
        return self._rng.choice((0, 1, -1, 10**30, 1e300, "a", "", True, None, [1], {"a": 1}))

    observation = reference


def conditions(rng: Random, here: Path) -> str:
    """Conditions of scenarios, of traces, and of tags."""
    pieces = [
        *(
            "==",
            "!=",
            "<",
            "(",
            ")",
            " not ",
            " and ",
            " or ",
            "-",
            "*",
            "/ 0",
            "$a",
            "a.b",
            "'",
            "true",
        ),
        *("(" * 41, "-" * 41, "not " * 41, "1" * 480, "9" * 400 + ".0", " " * 600, *TEXTS),
    ]
    text = damaged_text(rng, "$a.b == 1 and fates.lost * 2 < 3 or not (x != 'y')", pieces)
    taken = 0
    with contextlib.suppress(ExpressionError):
        Expression.parse(text).evaluate(_Everything(rng))
        taken += 1
    with contextlib.suppress(ExpressionError):
        event = {"t": 1, "host": "a", "kind": "b", "x": rng.choice((None, 1, "y", True, 10**30))}
        EventCondition(text).holds(event)
        taken += 1
    with contextlib.suppress(TagError):
        parse_tags(damaged_text(rng, "smoke and not (slow or x-1)", pieces))(("smoke",))
        taken += 1
    return "taken" if taken else "refused"


def quantities(rng: Random, here: Path) -> str:
    """Whatever is read is a number within bounds; all else is a UnitError."""
    value: Any = rng.choice((*QUANTITIES, *WRITTEN_NUMBERS, *TEXTS, 0, 1, 1.5, True, None, [], {}))
    if isinstance(value, str) and rng.random() < 0.5:
        value = damaged_text(rng, value, [*"0123456789.%sm-", *TEXTS, "e9", "_"])
    taken = 0
    for read in (
        units.parse_duration, units.parse_time, units.parse_size, units.parse_percent,
        parse_span, parse_moment, parse_rate,
    ):  # fmt: skip
        with contextlib.suppress(UnitError):
            number = read(value)
            taken += 1
            if isinstance(number, int | float) and not 0 <= number < 1e30:
                raise Fault(f"{read.__name__}({value!r}) is {number}")
    return "taken" if taken else "refused"


TARGETS = [
    Target("options", "exit code 0, 1, 4 or 5", options, 25),
    Target("conditions", "a value or ExpressionError, TagError", conditions, 200),
    Target("quantities", "a number within bounds or UnitError", quantities, 200),
]
