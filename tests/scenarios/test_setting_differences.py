"""Every key of a scenario's models makes a difference to a run. The entries are in
`setting_differences.py`."""

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load
from scenarios.engine.format.models import Scenario
from scenarios.engine.format.steps_catalog import OBSERVATIONS, STEPS
from tests.scenarios import flow_differences as flow
from tests.scenarios import other_senders
from tests.scenarios.outcomes import Outcomes
from tests.scenarios.setting_differences import ENTRIES, LEFT_OUT, Two, step
from tests.scenarios.two_scenarios import differing, is_at, put, text, written


def keys(annotation: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The keys below a type, with their types: `world.links.*.latency`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from keys(inner[0], path)
    elif origin in (list, dict):
        yield from keys(inner[-1], (*path, "*"))
    elif isinstance(annotation, type) and _is_ours(annotation):
        for name, field in annotation.model_fields.items():
            yield from keys(field.annotation, (*path, field.alias or name))
        extra = annotation.__annotations__.get("__pydantic_extra__")
        if extra is not None:
            yield from keys(extra, path)
    elif any(_is_ours(each) for each in inner):
        for each in inner:
            if each is not type(None):
                yield from keys(each, path)
    else:
        yield ".".join(path), annotation


def _is_ours(annotation: Any) -> bool:
    return (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and annotation.__module__.startswith("scenarios.")
    )


KEYS = dict(keys(Scenario))


def compare(outcomes: Outcomes, key: str, two: Two) -> None:
    one, other = (written(two, key, value) for value in (two.one, two.other))
    allowed = (key, *two.also)
    paths = list(differing(one, other))
    assert [path for path in paths if not any(is_at(each, path) for each in allowed)] == []
    assert paths
    first, second = (outcomes.of(text(document), two.sender) for document in (one, other))
    for outcome in second:
        assert outcome.failures == []
    for outcome in first:
        if two.failure:
            assert two.failure in "\n".join(outcome.failures)
        else:
            assert outcome.failures == []
    assert first != second, f"'{key}' changes nothing"


ELSEWHERE = {
    "flow.*.do": "each step, in test_differences.py",
    "flow.*.with.*": "each argument",
    "flow.*.within": "each limit",
    "faults.*.with.*": "each parameter, in test_differences.py",
}
ONE_VALUE = {
    # They say what a file is written for, so that one for something else is refused.
    "format": "format",
    "world.gateway.kind": "world.gateway.kind",
    "world.site.kind": "world.site.kind",
    "world.vendors.apns.protocol": "world.vendors.apns.protocol",
    "world.vendors.gcm.protocol": "world.vendors.gcm.protocol",
    "enable.processor": "flow.0.with.processor",
    "disable.processor": "flow.0.with.processor",
    "set_preference.processor": "flow.0.with.processor",
}
SHOWN: dict[str, tuple[str, Any, str]] = {
    # To be read by people, and to choose by: where it is, what it says, who shows it.
    "name": ("name", "A quiet day", "junit.xml"),
    "description": ("description", "Nobody writes & nobody reads.", "timeline.html"),
    "tags.*": ("tags", ["quiet"], "summary.json"),
    "faults.*.id": ("faults.0.id", "lightning", "summary.json"),
}


@pytest.mark.parametrize("key", KEYS)
def test_each_key_of_a_scenario_has_an_entry(key: str) -> None:
    known = {*ENTRIES, *flow.ENTRIES, *ELSEWHERE, *ONE_VALUE, *SHOWN}
    assert key in known, f"say in setting_differences.py how '{key}' makes a difference"


@pytest.mark.parametrize(
    "name", [f"{do}.{key}" for do, contract in STEPS.items() for key in contract.arguments]
)
def test_each_argument_of_a_step_has_an_entry(name: str) -> None:
    known = {*flow.ARGUMENTS, *ONE_VALUE}
    assert name in known, f"say in flow_differences.py how '{name}' makes a difference"


def test_the_entries_name_nothing_else() -> None:
    arguments = {f"{do}.{key}" for do, contract in STEPS.items() for key in contract.arguments}
    assert {*ENTRIES, *flow.ENTRIES, *ELSEWHERE, *SHOWN} <= {*KEYS}
    assert {*flow.ARGUMENTS} <= arguments
    assert {*ONE_VALUE} <= {*KEYS, *arguments}
    assert {*OBSERVATIONS} == {"fates.<fate>", *flow.OBSERVED}


@pytest.mark.parametrize("key", ENTRIES)
def test_a_setting_makes_a_difference(outcomes: Outcomes, key: str) -> None:
    compare(outcomes, key, ENTRIES[key])


def choices(annotation: Any) -> list[Any]:
    """The values that a type lists."""
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        return list(inner)
    if get_origin(annotation) is Annotated:
        inner = inner[:1]
    return [value for each in inner for value in choices(each)]


@pytest.mark.parametrize("key", [key for key in ENTRIES if len(choices(KEYS[key])) > 2])
def test_each_choice_makes_a_difference_of_its_own(outcomes: Outcomes, key: str) -> None:
    two, found = ENTRIES[key], {}
    for value in choices(KEYS[key]):
        outcome = outcomes.of(text(written(two, key, value)), two.sender)
        same = [other for other in found if found[other] == outcome]
        assert same == [], f"'{key}: {value}' is the same as '{same[0]}'"
        found[value] = outcome


@pytest.mark.parametrize("key", flow.ENTRIES)
def test_a_key_makes_a_difference(outcomes: Outcomes, key: str) -> None:
    compare(outcomes, key, flow.ENTRIES[key])


@pytest.mark.parametrize("name", flow.ARGUMENTS)
def test_an_argument_of_a_step_makes_a_difference(outcomes: Outcomes, name: str) -> None:
    do, _, key = name.partition(".")
    two = flow.ARGUMENTS[name]
    place = int(two.at.split(".")[1])
    assert written(two, "", two.one)["flow"][place]["do"] == do
    compare(outcomes, f"flow.*.with.{key}", two)


@pytest.mark.parametrize("name", [n for n, contract in STEPS.items() if contract.within])
def test_a_limit_of_a_step_makes_a_difference(outcomes: Outcomes, name: str) -> None:
    if name == "receive_nothing":
        watch = step(name, "phone", keys={"within": "1ms"})
        two = Two("9s", "1ms", flow=(flow.TO_BEN, watch), failure="received")
    else:
        steps, given = flow.SPECIMENS[name]
        two = Two("100us", given=given, flow=steps, failure="within 0.0001 s")
    at = f"flow.{len(two.flow) - 1}.within"
    compare(outcomes, "flow.*.within", replace(two, at=at))


@pytest.mark.parametrize("name", [n for n, contract in STEPS.items() if contract.results])
def test_a_step_has_all_its_results(outcomes: Outcomes, name: str) -> None:
    steps, given = flow.SPECIMENS[name]
    sender = None
    if name == "receive":  # a Moodle site of 2013 asks for neither badge nor sound
        steps, sender = [step("receive", "phone")], other_senders.send_with_badge_and_sound
    document = written(Two(None, given=given, flow=steps), "", LEFT_OUT)
    [outcome] = outcomes.of(text(document), sender)
    missing = [
        result
        for result in STEPS[name].results
        if not outcome.results[-1].get(result.partition(".")[0])
        and not isinstance(outcome.results[-1].get(result), bool | int)
    ]
    assert missing == []


@pytest.mark.parametrize("name", flow.OBSERVED)
def test_a_figure_of_a_condition_makes_a_difference(outcomes: Outcomes, name: str) -> None:
    compare(outcomes, "expect.checks", flow.OBSERVED[name])


@pytest.mark.parametrize("key", ONE_VALUE)
def test_what_has_one_value_refuses_another(tmp_path: Path, key: str) -> None:
    steps, given = flow.SPECIMENS.get(key.partition(".")[0], ((), {}))
    two = Two("another", at=ONE_VALUE[key], given=given, flow=steps)
    file = tmp_path / "another.yaml"
    file.write_text(text(written(two, key, "another")))
    with pytest.raises(InvalidScenario) as caught:
        load(file)
    assert len(caught.value.diagnostics) == 1


def test_what_changes_no_run_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = written(Two(None, given=flow.OFF), "", LEFT_OUT)
    for path, value, _ in SHOWN.values():
        put(document, path, value)
    file, runs = tmp_path / "quiet.yaml", tmp_path / "runs"
    file.write_text(text(document))
    command = ["run", str(file), "--runs", str(runs), "-q", "-t"]
    assert main([*command, "quiet"]) == ExitCode.OK
    assert main([*command, "loud"]) != ExitCode.OK
    assert "no scenario has these tags" in capsys.readouterr().err
    [record] = [path for path in runs.iterdir() if path.is_dir()]
    for _, value, name in SHOWN.values():
        said = value if isinstance(value, str) else value[0]
        assert escape(said) in (record / name).read_text()
