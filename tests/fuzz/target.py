"""What is attacked, with what, and what may come of it.

A target makes an input from a random stream, hands it in, and judges the answer. It raises for
whatever the invariant does not allow; an exception of the code under attack passes through. The
same seed makes the same input, so that a fault is found again by its seed.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final

LONGEST: Final = 30.0
"""Seconds of CPU for one input: more is work without a bound."""


class Fault(AssertionError):
    """An answer that the invariant does not allow; the text has the input."""


class NoEnd(BaseException):
    """Too much CPU for one input. No `except Exception` may swallow it."""


@dataclass(frozen=True)
class Target:
    """`attack` takes a random stream and an empty directory of its own, and says in one word what
    came of the input: both what is taken and what is refused should come about.
    """

    name: str
    invariant: str
    attack: Callable[[Random, Path], str]
    in_tests: int
    """Inputs in the project's own test run, which has a second for each target."""


def attack(target: Target, seed: int, here: Path) -> str:
    """One input. Raises Fault, NoEnd, or what the code under attack raised."""
    with _bounded(LONGEST):
        return target.attack(Random(f"{target.name}:{seed}"), here)


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise NoEnd(f"more than {seconds:g} s of CPU for one input")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
