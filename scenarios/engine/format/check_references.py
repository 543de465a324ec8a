"""Checks references (`$token`, `$matrix.x`) and conditions: does every name exist, and in time?"""

from collections.abc import Mapping
from typing import Any

from scenarios.engine.format.cast import entries, items
from scenarios.engine.format.diagnostics import Diagnostic, Span, did_you_mean
from scenarios.engine.format.expression_syntax import ExpressionError, Name, Value
from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.matrix import ROOT, CellScope
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.models import Fates
from scenarios.engine.format.nodes import Location, MappingNode, Node, ScalarNode, find, texts
from scenarios.engine.format.references import RESULT, StrayDollar, references
from scenarios.engine.format.steps_catalog import OBSERVATIONS

FATES = [name for name in Fates.model_fields if name != "when"]
FIGURES = [name for name in OBSERVATIONS if "<" not in name] + [f"fates.{name}" for name in FATES]


class ReferenceChecks:
    """The checks of one cell. `saved` grows as the flow is gone through."""

    def __init__(
        self,
        root: MappingNode,
        data: Mapping[str, Any],
        values: Mapping[str, Value],
        mistakes: Mistakes,
    ) -> None:
        self.saved: dict[str, int] = {}
        self._root, self._data, self._mistakes = root, data, mistakes
        self._values = values
        self._axes = list(entries(data.get(ROOT)))
        self._saved_by = {
            name: index
            for index, step in reversed(list(items(data.get("flow"))))
            for name in entries(step.get("save"))
        }

    def check_settings(self) -> None:
        """All texts outside the flow and the conditions: only the matrix is known there."""
        for section in ("world", "devices", "faults", "expect"):
            for location, _ in texts(self._data.get(section), (section,)):
                if location[-1] not in ("when", "that"):
                    self._check_text(location, in_flow=False)

    def check_value(self, value: Any, location: Location) -> None:
        """A value in the flow, which may use what was saved."""
        for each, _ in texts(value, location):
            self._check_text(each, in_flow=True)

    def check_expectations(self) -> None:
        """The conditions of `expect`, which may use everything."""
        expect = entries(self._data.get("expect"))
        for index, check in items(expect.get("checks")):
            for key in ("that", "when"):
                if key in check:
                    self.check_condition(check[key], ("expect", "checks", index, key), True)
        fates = entries(expect.get("fates"))
        if "when" in fates:
            self.check_condition(fates["when"], ("expect", "fates", "when"), True)

    def check_faults(self) -> None:
        """The conditions of `faults`, decided before the run: only the matrix is known."""
        for index, fault in items(self._data.get("faults")):
            if "when" in fault:
                self.check_condition(fault["when"], ("faults", index, "when"), False, in_flow=False)

    def check_condition(
        self, text: Any, location: Location, at_end: bool, *, in_flow: bool = True
    ) -> None:
        """A condition; only `at_end` of the run is anything measured, and only `in_flow` is
        anything saved.
        """
        node = find(self._root, location)
        try:
            expression = Expression.parse(text if isinstance(text, str) else "true")
        except ExpressionError:
            return  # reported by the models, as is what is no text
        wrong = False
        for name in expression.names():
            span = _part(node, name.start, name.end)
            if name.kind == "reference":
                wrong |= self._check_reference(name.path, span, in_flow)
            else:
                wrong |= self._check_figure(name, span, at_end, in_flow)
        if not wrong:
            self._work_out(expression, node)

    def _work_out(self, expression: Expression, node: Node) -> None:
        """What only the matrix decides can be worked out now, with its mistakes of type."""
        if any(name.kind != "reference" or name.path[0] != ROOT for name in expression.names()):
            return
        try:
            expression.holds(CellScope(self._values))
        except ExpressionError as error:
            self._report(
                "bad-condition", str(error), _part(node, error.start, error.end), error.help
            )

    def _check_figure(self, name: Name, span: Span, at_end: bool, in_flow: bool) -> bool:
        text = ".".join(name.path)
        if not at_end:
            hint = "use a reference to a saved result" if in_flow else "use $matrix.<axis>"
            self._report("unknown-name", f"'{text}' is only known at the end", span, hint)
        elif text not in FIGURES:
            self._report(
                "unknown-name", f"nothing measures '{text}'", span, did_you_mean(text, FIGURES)
            )
        else:
            return False
        return True

    def _check_text(self, location: Location, in_flow: bool) -> None:
        """A text as it is written in the file, before values of the matrix were put in."""
        node = find(self._root, location)
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            return
        try:
            for reference in references(node.value):
                self._check_reference(
                    reference.path, _part(node, reference.start, reference.end), in_flow
                )
        except StrayDollar as error:
            self._report(
                "bad-reference",
                str(error),
                _part(node, error.start, error.end),
                "write $$ for a dollar sign",
            )

    def _check_reference(self, path: tuple[str, ...], span: Span, in_flow: bool) -> bool:
        """Whether it was wrong."""
        name = "$" + ".".join(path)
        if path[0] == ROOT:
            if len(path) == 2 and path[1] in self._axes:
                return False
            known = [f"$matrix.{axis}" for axis in self._axes]
            hint = did_you_mean(name, known) if known else "the scenario has no matrix"
            self._report("undefined-reference", f"the matrix has no '{name}'", span, hint)
        elif path[0] == RESULT:
            self._report(
                "undefined-reference",
                "'$result' is only known in 'save'",
                span,
                "save it under a name and use that in a later step",
            )
        elif not in_flow:
            known = [f"$matrix.{axis}" for axis in self._axes]
            hint = did_you_mean(name, known) if known else "the scenario has no matrix"
            message = f"'{name}' is not known here, only what the matrix has"
            self._report("undefined-reference", message, span, hint)
        elif path[0] in self.saved:
            return False
        elif path[0] in self._saved_by:
            step = self._saved_by[path[0]] + 1
            self._report(
                "undefined-reference",
                f"'{name}' is used before it is saved",
                span,
                f"step {step} saves it",
            )
        else:
            known = [f"${each}" for each in (*self._saved_by, *(f"matrix.{a}" for a in self._axes))]
            hint = did_you_mean(name, known) if known else "no step saves anything"
            self._report("undefined-reference", f"nothing is saved as '{name}'", span, hint)
        return True

    def _report(self, code: str, message: str, span: Span, help: str = "") -> None:
        self._mistakes.add(Diagnostic(code, message, span, help))


def _part(node: Node, start: int, end: int) -> Span:
    return node.part(start, end) if isinstance(node, ScalarNode) else node.span
