"""Checks the steps of a flow against their contracts and the scenario's cast."""

from collections.abc import Mapping
from typing import Any

from scenarios.engine.format.cast import Cast, entries, items
from scenarios.engine.format.check_references import ReferenceChecks
from scenarios.engine.format.diagnostics import Diagnostic, Span, did_you_mean
from scenarios.engine.format.matrix import ROOT
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.nodes import Location, MappingNode, ScalarNode, find, find_key, whole
from scenarios.engine.format.references import (
    RESULT,
    StrayDollar,
    as_text,
    has_reference,
    references,
    whole_reference,
)
from scenarios.engine.format.steps_catalog import STEPS, Actor, StepContract
from scenarios.engine.leaks import MIN_LENGTH

_ACTORS: dict[Actor, str] = {
    "phone": "a phone",
    "person": "a user",
    "fleet": "the fleet",
    "gateway": "the gateway",
}


def check_flow(
    root: MappingNode,
    data: Mapping[str, Any],
    cast: Cast,
    references: ReferenceChecks,
    mistakes: Mistakes,
) -> None:
    """Add what is wrong with the steps of one cell's document."""
    for index, step in items(data.get("flow")):
        location: Location = ("flow", index)
        if "when" in step:
            references.check_condition(step["when"], (*location, "when"), at_end=False)
        for key in ("by", "within", "with", "expect"):
            references.check_value(step.get(key), (*location, key))
        contract = STEPS.get(str(step.get("do")))
        if contract is not None:
            checks = _StepChecks(root, location, step, contract, cast, mistakes)
            checks.check()
            if "no_token_leak" in (entries(data.get("expect")).get("invariants") or ()):
                checks.check_text()
        for name in entries(step.get("save")):
            references.saved[name] = index


class _StepChecks:
    """One step whose name is known."""

    def __init__(
        self,
        root: MappingNode,
        location: Location,
        step: Mapping[str, Any],
        contract: StepContract,
        cast: Cast,
        mistakes: Mistakes,
    ) -> None:
        self._root, self._location, self._step = root, location, step
        self._contract, self._cast, self._mistakes = contract, cast, mistakes
        self._do = str(step["do"])

    def check(self) -> None:
        self._check_actor()
        self._check_arguments()
        self._check_within()
        for name in entries(self._step.get("expect")):
            self._check_result(name, find_key(self._root, (*self._location, "expect", name)))
        for name, value in entries(self._step.get("save")).items():
            self._check_save(name, value)
        if self._step.get("may_fail") is True:
            self._check_may_fail()

    def check_text(self) -> None:
        """A text that is sent has to be long enough to be looked for."""
        text = entries(self._step.get("with")).get("text")
        if text is None or "text" not in self._contract.arguments:
            return
        written = as_text(text) if isinstance(text, bool | int | float | str) else ""
        if len(written) < MIN_LENGTH and not has_reference(text):
            self._report(
                "too-short",
                "this text is too short for no_token_leak: nobody could tell it from other words",
                find(self._root, (*self._location, "with", "text")).span,
                f"write {MIN_LENGTH} characters or more",
            )

    def _check_actor(self) -> None:
        by, kinds = self._step.get("by"), self._contract.by
        if by is None:
            if kinds:
                self._missing("by", " or ".join(_ACTORS[kind] for kind in kinds))
            return
        if not kinds:
            self._report("conflict", f"nobody does '{self._do}'", self._key("by"), "remove 'by'")
            return
        possible = [name for kind in kinds for name in self._cast.names(kind)]
        if not isinstance(by, str) or by in possible:
            return
        span = find(self._root, (*self._location, "by")).span
        if has_reference(by):
            if _comes_from_results(by):
                message = "who does a step cannot come from a result"
                self._report("conflict", message, span, "write a name, or $matrix.<axis>")
            return
        kind = self._cast.kind(by)
        if kind is None:
            message = f"there is no '{by}' in this scenario"
            self._report("unknown-actor", message, span, did_you_mean(by, possible))
        else:
            who = " or ".join(_ACTORS[kind] for kind in kinds)
            message = f"'{by}' is {kind}; '{self._do}' is done by {who}"
            self._report("unknown-actor", message, span, did_you_mean(by, possible))

    def _check_arguments(self) -> None:
        given = entries(self._step.get("with"))
        known = self._contract.arguments
        for key, value in given.items():
            location = (*self._location, "with", key)
            if key not in known:
                hint = did_you_mean(key, known) or "remove it"
                message = f"step '{self._do}' takes no '{key}'"
                self._report("unknown-key", message, find_key(self._root, location), hint)
            elif isinstance(value, str) and not has_reference(value):
                self._check_name(known[key].type, value, location)
            elif known[key].type == "duration" and _comes_from_results(value):
                message = f"'{key}' cannot come from a result"
                span = find(self._root, location).span
                self._report("conflict", message, span, "write a value, or $matrix.<axis>")
        for key, argument in known.items():
            if argument.required and key not in given:
                self._missing(f"with: {{ {key}: ... }}", argument.help)

    def _check_name(self, kind: str, name: str, location: Location) -> None:
        known: list[str]
        match kind:
            case "user":
                known = list(self._cast.users)
            case "recipients":
                known = [*self._cast.users, "all"]
            case "phone":
                known = list(self._cast.phones)
            case _:
                return
        if name not in known:
            what = "phone" if kind == "phone" else "user"
            self._report(
                f"unknown-{what}",
                f"there is no {what} '{name}' in this scenario",
                find(self._root, location).span,
                did_you_mean(name, known),
            )

    def _check_within(self) -> None:
        if "within" not in self._step:
            if self._contract.within_required:
                self._missing("within", str(self._contract.within))
        elif self._contract.within is None:
            self._report(
                "conflict",
                f"step '{self._do}' takes no time, so it has no 'within'",
                self._key("within"),
                "remove it",
            )

    def _check_may_fail(self) -> None:
        if "save" in self._step:
            message = f"step '{self._do}' may fail, and then it has nothing to save"
            self._report("conflict", message, self._key("save"), "remove it, or 'may_fail'")
        if not self._contract.by:
            message = f"nobody does '{self._do}', so nobody can fail at it"
            self._report("conflict", message, self._key("may_fail"), "remove it")

    def _check_result(self, name: str, span: Span) -> None:
        if not self._contract.has_result(name):
            known = list(self._contract.results)
            hint = did_you_mean(name, known) if known else f"'{self._do}' has no results"
            self._report("unknown-result", f"step '{self._do}' has no result '{name}'", span, hint)

    def _check_save(self, name: str, value: Any) -> None:
        location = (*self._location, "save", name)
        node = find(self._root, location)
        if not isinstance(value, str) or not isinstance(node, ScalarNode):
            return
        if name in (ROOT, RESULT):
            message = f"nothing can be saved as '{name}'"
            self._report(
                "bad-name",
                message,
                find_key(self._root, location),
                "the name has a meaning of its own",
            )
        path = whole_reference(value)
        if path is None or path[0] != RESULT or len(path) < 2:
            results = list(self._contract.results)
            self._report(
                "bad-reference",
                "'save' takes a result of its step",
                node.span,
                f"write for example {name}: $result.{results[0]}"
                if results
                else f"'{self._do}' has no results",
            )
        else:
            self._check_result(".".join(path[1:]), node.span)

    def _missing(self, key: str, what: str) -> None:
        message = f"step '{self._do}' needs '{key}': {what}"
        self._report("missing-key", message, whole(self._root, self._location))

    def _key(self, name: str) -> Span:
        return find_key(self._root, (*self._location, name))

    def _report(self, code: str, message: str, span: Span, help: str = "") -> None:
        self._mistakes.add(Diagnostic(code, message, span, help))


def _comes_from_results(value: Any) -> bool:
    try:
        return isinstance(value, str) and any(each.path[0] != ROOT for each in references(value))
    except StrayDollar:  # reported with the references
        return False
