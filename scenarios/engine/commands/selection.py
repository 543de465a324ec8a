"""Which scenario files a command is about: files, directories, shipped ones, by tags."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.engine.commands.tags import Condition
from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import ScenarioFile, load
from scenarios.engine.shipped import exists, locate


@dataclass(slots=True)
class Selection:
    """What was found: valid scenarios, and invalid files with their mistakes."""

    valid: list[ScenarioFile] = field(default_factory=list)
    invalid: list[InvalidScenario] = field(default_factory=list)
    left_out: list[ScenarioFile] = field(default_factory=list)
    """Valid, but without the wanted tags."""
    named: set[str] = field(default_factory=set)
    """Paths that were named themselves, rather than found in a directory."""


def select(names: Iterable[str], wanted: Sequence[Condition] = ()) -> Selection:
    """Load what is named. A directory stands for all scenario files below it, in order of name, but
    for what is hidden and for the copies that records keep.

    A name that does not exist here is looked for among the shipped scenarios, with or without
    `scenarios/` in front, so that the same command works in any directory.
    """
    selection = Selection()
    seen = set()
    for name in names:
        found, is_directory = _files(name)
        if not is_directory:
            selection.named.update(map(str, found))
        for path in found:
            if (identity := os.path.abspath(path)) in seen:
                continue
            seen.add(identity)
            try:
                file = load(path)
            except InvalidScenario as error:
                selection.invalid.append(error)
                continue
            good = all(condition(file.tags) for condition in wanted)
            (selection.valid if good else selection.left_out).append(file)
    return selection


def _files(name: str) -> tuple[list[Path], bool]:
    """What a name stands for, and whether it is a directory."""
    path = locate(name)
    if not exists(path) or not path.is_dir():
        return [path], False
    found = [each for pattern in ("*.yaml", "*.yml") for each in path.rglob(pattern)]
    return sorted(each for each in found if each.is_file() and not _set_aside(each, path)), True


def _set_aside(file: Path, directory: Path) -> bool:
    """Whether it is hidden, or the copy of a scenario in the record of a run."""
    hidden = any(part.startswith(".") for part in file.relative_to(directory).parts)
    copy = file.name == "scenario.yaml" and (file.parent / "manifest.json").exists()
    return hidden or copy
