"""Checks of a scenario that look at more than one place of the file: do the names exist?

They work on a cell's plain document rather than on the models, so that they still find something
in a file that the models refuse. What has the wrong shape is passed over: the models report it.
"""

from collections.abc import Mapping
from typing import Any

from scenarios.engine.format.cast import RESERVED, Cast, entries
from scenarios.engine.format.check_faults import check_faults
from scenarios.engine.format.check_flow import check_flow
from scenarios.engine.format.check_references import ReferenceChecks
from scenarios.engine.format.diagnostics import Diagnostic, did_you_mean
from scenarios.engine.format.expression_syntax import Value
from scenarios.engine.format.fault_catalog import HOSTS
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.nodes import MappingNode, find, find_key


def check(
    root: MappingNode, data: Mapping[str, Any], values: Mapping[str, Value], mistakes: Mistakes
) -> None:
    """Add what is wrong with one cell's document (as `substitute_cell` gives it)."""
    cast = Cast(data)
    references = ReferenceChecks(root, data, values, mistakes)
    references.check_settings()
    _check_cast(root, cast, mistakes)
    _check_links(root, data, cast, mistakes)
    check_faults(root, data, cast, mistakes)
    references.check_faults()
    check_flow(root, data, cast, references, mistakes)
    references.check_expectations()


def _check_links(
    root: MappingNode, data: Mapping[str, Any], cast: Cast, mistakes: Mistakes
) -> None:
    hosts = [*HOSTS, *cast.phones, *(["fleet"] if cast.fleet else []), *cast.users]
    for name in entries(entries(data.get("world")).get("links")):
        if name not in hosts:
            message = f"there is no host '{name}' in this scenario"
            span = find_key(root, ("world", "links", name))
            mistakes.add(Diagnostic("unknown-host", message, span, did_you_mean(name, hosts)))


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
