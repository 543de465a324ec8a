"""Checks the faults of a scenario against their contracts, its cast and its flow."""

from collections.abc import Iterator, Mapping
from typing import Any

from scenarios.engine.format.cast import Cast, entries, items
from scenarios.engine.format.diagnostics import Diagnostic, Span, did_you_mean
from scenarios.engine.format.fault_catalog import (
    FAULTS,
    HOSTS,
    SERVERS,
    FaultContract,
    takes,
)
from scenarios.engine.format.fault_values import Moment, parse_moment, parse_span
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.nodes import Location, MappingNode, find, find_key, whole
from scenarios.engine.format.references import has_reference
from scenarios.engine.format.units import UnitError

_SENDING = ("message", "broadcast")


def check_faults(
    root: MappingNode, data: Mapping[str, Any], cast: Cast, mistakes: Mistakes
) -> None:
    """Add what is wrong with the faults of one cell's document."""
    steps = [str(step.get("do")) for _, step in items(data.get("flow"))]
    first: dict[Any, int] = {}
    for index, fault in items(data.get("faults")):
        checks = _FaultChecks(root, ("faults", index), fault, cast, mistakes)
        if isinstance(fault.get("id"), str):
            checks.check_id(first.setdefault(fault["id"], index))
        checks.check_target()
        checks.check_window(steps)
        contract = FAULTS.get(str(fault.get("inject")))
        if contract is not None:
            checks.check_contract(contract)


class _FaultChecks:
    """One fault."""

    def __init__(
        self,
        root: MappingNode,
        location: Location,
        fault: Mapping[str, Any],
        cast: Cast,
        mistakes: Mistakes,
    ) -> None:
        self._root, self._location, self._fault = root, location, fault
        self._cast, self._mistakes = cast, mistakes
        self._phones = [*cast.phones, *(["fleet"] if cast.fleet else [])]
        self._is_fleet = self._target_exists = False

    def check_id(self, first: int) -> None:
        """`first`: the place of the first fault with this id."""
        if first != self._location[1]:
            message = f"fault {first + 1} is called '{self._fault['id']}', too"
            self._report("bad-name", message, self._at("id"), "give each an id of its own")

    # Where

    def check_target(self) -> None:
        target = self._fault.get("target")
        if not isinstance(target, str) or has_reference(target):
            return
        family, _, name = target.partition(".")
        ends = name.split("-")
        known = {
            "host": HOSTS, "vendor": ("apns", "gcm"), "device": self._phones,
            "link": (*HOSTS, *self._phones),
        }.get(family)  # fmt: skip
        if known is None or len(ends) != (2 if family == "link" else 1):
            return  # reported by the models
        for place, end in enumerate(ends):
            if end not in known:
                possible = [
                    f"{family}.{'-'.join([*ends[:place], other, *ends[place + 1 :]])}"
                    for other in known
                    if other not in ends
                ]
                message = f"there is no '{target}' in this scenario"
                hint = did_you_mean(target, possible)
                self._report("unknown-target", message, self._at("target"), hint)
                return
        if len(ends) == 2 and ends[0] == ends[1]:
            message = f"'{target}' is a link to itself"
            self._report("unknown-target", message, self._at("target"))
        self._target_exists = True
        self._is_fleet = "fleet" in ends
        self._check_selection(target)

    def _check_selection(self, target: str) -> None:
        selection = self._fault.get("select")
        if not self._is_fleet:
            if selection is not None:
                self._report(
                    "conflict",
                    f"'select' chooses phones of a fleet; the target is {target}",
                    self._key("select"),
                    "remove it",
                )
            return
        given = entries(selection)
        if len(given) != 1:
            self._report(
                "missing-key" if not given else "conflict",
                f"fault {self._number} needs "
                + ("the key 'select'" if not given else "only one key in 'select'")
                + ": which phones of the fleet?",
                whole(self._root, self._location) if not given else self._key("select"),
                "write for example select: { index: 0 }, { count: 3 } or { share: 10% }",
            )
            return
        fleet = self._cast.fleet.get("count")
        [(key, value)] = given.items()
        if not isinstance(value, int) or not isinstance(fleet, int) or fleet < 1:
            return
        span = find(self._root, (*self._location, "select", key)).span
        if key == "index" and value >= fleet:
            hint = f"its {fleet} phones have the places 0 to {fleet - 1}"
            self._report("out-of-range", f"the fleet has no phone {value}", span, hint)
        elif key == "count" and value > fleet:
            self._report("out-of-range", f"the fleet has only {fleet} phones", span)

    # When

    def check_window(self, steps: list[str]) -> None:
        window = entries(self._fault.get("window"))
        start = self._moment(window, "from", steps) or Moment(time=parse_span("0s"))
        end = self._moment(window, "to", steps)
        if window.get("for") is not None and "to" not in window:
            try:
                length = parse_span(window["for"])
            except UnitError:
                return  # reported by the models
            if length.high == 0:
                self._report("bad-window", "the window has no length", self._at("window", "for"))
        if end is None:
            return
        late = None
        if start.time is not None and end.time is not None:
            if end.time.low <= start.time.high:
                late = f"'{window['to']}' is not after '{window.get('from', 0)}'"
        elif start.step is not None and end.step is not None:
            first = _place(start.step, steps, 0)
            if first is not None and _place(end.step, steps, first) is None:
                late = f"'{window['to']}' comes before '{window['from']}'"
        if late is not None:
            message = f"the window ends before it begins: {late}"
            self._report("bad-window", message, self._at("window", "to"))

    def _moment(self, window: Mapping[str, Any], key: str, steps: list[str]) -> Moment | None:
        value = window.get(key)
        if value is None or has_reference(value):
            return None
        try:
            moment = parse_moment(value)
        except UnitError:
            return None  # reported by the models
        if moment.step is not None and _place(moment.step, steps, 0) is None:
            if moment.step.isdigit():
                message, hint = f"there is no step {moment.step}", f"the flow has {len(steps)}"
            else:
                known = list(dict.fromkeys(f"step {step}" for step in steps))
                message = f"the flow has no step '{moment.step}'"
                hint = did_you_mean(f"step {moment.step}", known)
            self._report("bad-window", message, self._at("window", key), hint)
        if moment.before_dispatch and not any(step in _SENDING for step in steps):
            message = "nothing is dispatched: the flow has no message and no broadcast"
            self._report("bad-window", message, self._at("window", key))
        return moment

    # What

    def check_contract(self, contract: FaultContract) -> None:
        """`inject` is known: what else does it ask for?"""
        inject, target = self._fault["inject"], self._fault.get("target")
        if self._target_exists and not takes(contract.targets, str(target)):
            hint = "it goes into " + ", ".join(_targets(contract))
            message = f"'{inject}' cannot be injected into {target}"
            self._report("bad-target", message, self._at("target"), hint)
        given = entries(self._fault.get("with"))
        for key in given:
            if key not in contract.parameters:
                span = find_key(self._root, (*self._location, "with", key))
                hint = did_you_mean(key, list(contract.parameters)) if contract.parameters else ""
                message = f"fault '{inject}' takes no '{key}'"
                self._report("unknown-key", message, span, hint or "remove it")
        for key, parameter in contract.parameters.items():
            if parameter.required and key not in given:
                message = f"fault '{inject}' needs 'with: {{ {key}: ... }}': {parameter.help}"
                self._report("missing-key", message, whole(self._root, self._location))
        if "direction" in self._fault and not contract.directed:
            message = f"'{inject}' has no direction"
            self._report("conflict", message, self._key("direction"), "remove it")
        window = entries(self._fault.get("window"))
        for key in ("to", "for") if not contract.lasting else ():
            if key in window:
                message = f"'{inject}' happens in a moment, so its window has no '{key}'"
                span = find_key(self._root, (*self._location, "window", key))
                self._report("conflict", message, span, "remove it")

    # Small things

    @property
    def _number(self) -> int:
        return int(self._location[1]) + 1

    def _at(self, *path: str) -> Span:
        return find(self._root, (*self._location, *path)).span

    def _key(self, name: str) -> Span:
        return find_key(self._root, (*self._location, name))

    def _report(self, code: str, message: str, span: Span, help: str = "") -> None:
        self._mistakes.add(Diagnostic(code, message, span, help))


def _targets(contract: FaultContract) -> Iterator[str]:
    for kind in contract.targets:
        match kind:
            case "host":
                yield from (f"host.{name}" for name in HOSTS)
            case "server":
                yield from (f"host.{name}" for name in SERVERS)
            case "link":
                yield "link.<a>-<b>"
            case "device":
                yield from ("device.<phone>", "device.fleet")
            case "phone":
                yield "device.<phone>"
            case "apns" | "gcm":
                yield f"vendor.{kind}"


def _place(step: str, steps: list[str], first: int) -> int | None:
    """Where the step is in the flow, at `first` or after it."""
    if step.isdigit():
        place = int(step) - 1
        return place if first <= place < len(steps) else None
    return next((n for n in range(first, len(steps)) if steps[n] == step), None)
