"""Checks of a scenario that look at more than one place of the file: do the names exist?

They work on a cell's plain document rather than on the models, so that they still find something
in a file that the models refuse. What has the wrong shape is passed over: the models report it.
"""

from collections.abc import Mapping
from typing import Any

from scenarios.engine.cast import RESERVED, Cast, entries, items
from scenarios.engine.check_flow import check_flow
from scenarios.engine.check_references import ReferenceChecks
from scenarios.engine.diagnostics import Diagnostic, did_you_mean
from scenarios.engine.expression_syntax import Value
from scenarios.engine.mistakes import Mistakes
from scenarios.engine.nodes import MappingNode, find, find_key, whole


def check(
    root: MappingNode, data: Mapping[str, Any], values: Mapping[str, Value], mistakes: Mistakes
) -> None:
    """Add what is wrong with one cell's document (as `substitute_cell` gives it)."""
    cast = Cast(data)
    references = ReferenceChecks(root, data, values, mistakes)
    references.check_settings()
    _check_cast(root, cast, mistakes)
    _check_faults(root, data, cast, mistakes)
    check_flow(root, data, cast, references, mistakes)
    references.check_expectations()


def _check_cast(root: MappingNode, cast: Cast, mistakes: Mistakes) -> None:
    for name in cast.phones:
        location = ("devices", name)
        if name in RESERVED or name in cast.users:
            taken = "a user has it" if name in cast.users else "it has a meaning of its own"
            message = f"a phone cannot be called '{name}': {taken}"
            mistakes.add(Diagnostic("bad-name", message, find_key(root, location)))
        owner = cast.phones[name].get("owner")
        if isinstance(owner, str) and owner not in cast.users and "$" not in owner:
            mistakes.add(
                Diagnostic(
                    "unknown-user",
                    f"the site has no user '{owner}'",
                    find(root, (*location, "owner")).span,
                    did_you_mean(owner, cast.users),
                )
            )
    for name in cast.users:
        if name in RESERVED:
            message = f"a user cannot be called '{name}': it has a meaning of its own"
            span = find_key(root, ("world", "site", "users", name))
            mistakes.add(Diagnostic("bad-name", message, span))


def _check_faults(
    root: MappingNode, data: Mapping[str, Any], cast: Cast, mistakes: Mistakes
) -> None:
    for index, fault in items(data.get("faults")):
        location = ("faults", index)
        target = str(fault.get("target")).removeprefix("device.")
        selection = entries(fault.get("select"))
        targets = [*cast.phones, *(["fleet"] if cast.fleet else [])]
        if target not in targets:
            if "target" in fault:
                known = [f"device.{name}" for name in targets]
                mistakes.add(
                    Diagnostic(
                        "unknown-target",
                        f"there is no '{fault['target']}' in this scenario",
                        find(root, (*location, "target")).span,
                        did_you_mean(str(fault["target"]), known),
                    )
                )
        elif target != "fleet" and selection:
            mistakes.add(
                Diagnostic(
                    "conflict",
                    "'select' chooses phones of a fleet; the target is a single phone",
                    find_key(root, (*location, "select")),
                    "remove it",
                )
            )
        elif target == "fleet" and not selection:
            mistakes.add(
                Diagnostic(
                    "missing-key",
                    f"fault {index + 1} needs the key 'select': which phone of the fleet?",
                    whole(root, location),
                    "write for example select: { index: 0 }",
                )
            )
        elif target == "fleet":
            _check_index(root, (*location, "select", "index"), selection, cast, mistakes)


def _check_index(
    root: MappingNode,
    location: tuple[str | int, ...],
    selection: Mapping[str, Any],
    cast: Cast,
    mistakes: Mistakes,
) -> None:
    index, count = selection.get("index"), cast.fleet.get("count")
    if isinstance(index, int) and isinstance(count, int) and index >= count > 0:
        message = f"the fleet has no phone {index}"
        hint = f"its {count} phones have the places 0 to {count - 1}"
        mistakes.add(Diagnostic("out-of-range", message, find(root, location).span, hint))
