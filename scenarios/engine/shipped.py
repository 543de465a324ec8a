"""The scenarios that come with Airbed, and how files are named here: shortly, and to be typed.

A shipped scenario goes by its place below `scenarios/` in any directory: `flows/ten_steps.yaml`.
"""

import os
from pathlib import Path
from typing import Final

import scenarios

SHIPPED: Final = Path(scenarios.__file__).parent
"""The directory of the scenarios that come with Airbed."""


def locate(name: str) -> Path:
    """The file or directory that a user means. What does not exist here is looked for among the
    shipped scenarios, with or without `scenarios/` in front; where there is none either, it is the
    name as it stands.
    """
    path = Path(name)
    if exists(path) or path.is_absolute():
        return path
    shipped = SHIPPED.joinpath(name.removeprefix("scenarios/") if name != "scenarios" else "")
    return shown(shipped) if exists(shipped) else path


def shown(path: Path) -> Path:
    """The path as a user would open it from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def typed(path: Path) -> str:
    """How to name a scenario file on a command line here.

    Outside of Airbed's own directory a shipped one goes by its short name, unless something else
    has that name there.
    """
    absolute = Path(os.path.abspath(path))
    if absolute.is_relative_to(SHIPPED) and not Path.cwd().is_relative_to(SHIPPED.parent):
        short = absolute.relative_to(SHIPPED)
        if not exists(short):
            return short.as_posix()
    return shown(absolute).as_posix()


def exists(path: Path) -> bool:
    """Whether there is such a file or directory; False also for what cannot be a path."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long for the file system, or with a NUL in it
        return False
