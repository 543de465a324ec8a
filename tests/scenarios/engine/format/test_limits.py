"""No scenario file can ask for more than a machine has: what is too much is said at its place."""

import re
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from scenarios.engine.commands import run as run_command
from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format import limits
from scenarios.engine.format.diagnostics import Diagnostic, InvalidScenario
from scenarios.engine.format.fault_catalog import FAULTS
from scenarios.engine.format.fault_values import read_parameter
from scenarios.engine.format.loader import load
from scenarios.engine.format.references import TextTooLong, resolve
from scenarios.engine.format.units import UnitError
from tests.scenarios.setting_differences import ENTRIES
from tests.scenarios.test_setting_differences import KEYS
from tests.scenarios.two_scenarios import text, written

HEAD: Final = """\
format: 1
name: Large
{keys}
world:
  gateway: {{ kind: airnotifier }}
  site: {{ kind: moodle, users: {{ ana: teacher, ben: student{users} }} }}
{world}
devices:
  phone: {{ platform: ios, owner: ben }}
  {devices}
{more}
flow:
"""
WAIT: Final = "wait, with: { for: 1s }"
DOCS: Final = Path(__file__).parents[4] / "docs" / "scenarios.md"


def scenario(*steps: str, **parts: str) -> str:
    head = HEAD.format(**{"keys": "", "users": "", "world": "", "devices": "", "more": "", **parts})
    return head + "".join(f"  - {{ do: {step} }}\n" for step in steps or (WAIT,))


def fleet(count: int, platform: str = "ios") -> str:
    return f"fleet: {{ count: {count}, platform: {platform}, state: enabled }}"


def mistakes(path: Path, written: str) -> list[Diagnostic]:
    path.write_text(written)
    with pytest.raises(InvalidScenario) as caught:
        load(path)
    return list(caught.value.diagnostics)


MUCH: Final = {
    "a fleet of a billion phones": (
        scenario(devices=fleet(10**9)),
        "'devices.fleet.count' must be at most 100000",
    ),
    "heartbeats of microseconds": (
        scenario(world="  vendors: { gcm: { heartbeat: 1us } }"),
        "no phone sends heartbeats that often or that rarely",
    ),
    "waits of a century": (
        scenario(*["wait, with: { for: 366d }"] * 90),
        "with this step the run lasts until after 2099",
    ),
    "a large fleet that waits for months": (
        scenario(*["wait, with: { for: 30d }"] * 3, devices=fleet(10_000)),
        "the phones send about 28,802,880 heartbeats until here, more than 20,000,000",
    ),
    "a large fleet with a short heartbeat that may take months": (
        scenario(
            "settle, within: 90d",
            devices=fleet(10_000, "android"),
            world="  vendors: { gcm: { heartbeat: 30s } }",
        ),
        "the phones send about 2,592,008,640 heartbeats until here",
    ),
    "a hundred messages to everybody": (
        scenario(
            *["message, by: ana, with: { to: all, text: Lab at nine }"] * 21,
            devices=fleet(100_000),
        ),
        "until here this is about 2,000,040 pushes and actions of phones, more than 2,000,000",
    ),
    "a hundred broadcasts": (
        scenario(
            *["broadcast, by: admin, with: { text: Lab at nine }"] * 21, devices=fleet(100_000)
        ),
        "pushes and actions of phones",
    ),
    "a fleet that goes offline and online for ever": (
        scenario(*["go_offline, by: fleet", "go_online, by: fleet"] * 11, devices=fleet(100_000)),
        "pushes and actions of phones",
    ),
    "a thousand faults of each phone": (
        scenario(
            devices=fleet(100_000),
            more="faults:\n"
            + "".join(
                f"  - {{ id: f{n}, target: device.fleet, select: {{ share: 50% }},"
                " inject: dead_path }\n"
                for n in range(21)
            ),
        ),
        "pushes and actions of phones",
    ),
    "long texts to everybody": (
        scenario(
            f"message, by: ana, with: {{ to: all, text: {'x' * 100_000} }}", devices=fleet(10_000)
        ),
        "the texts sent until here have 1,000,200,000 characters in all, more than 268,435,456",
    ),
    "more users than a file can name": (
        scenario(users="".join(f", u{n}: student" for n in range(1001))),
        "'world.site.users' has more than 1000 entries",
    ),
    "more phones than a file can name": (
        scenario(
            devices="\n  ".join(f"p{n}: {{ platform: ios, owner: ben }}" for n in range(1000))
        ),
        "these are 1001 named phones, more than 1000",
    ),
    "more faults than anybody can follow": (
        scenario(
            more="faults:\n"
            + "".join(
                f"  - {{ id: f{n}, target: link.gateway-apns, inject: down }}\n"
                for n in range(1001)
            ),
        ),
        "'faults' has more than 1000 entries",
    ),
    "a million seeds": (
        scenario(keys="seeds: { from: 1, count: 1000000 }"),
        "'seeds.count' must be at most 100000",
    ),
    "seeds times cells": (
        scenario(keys="seeds: { from: 1, count: 60000 }\nmatrix: { a: [1, 2] }"),
        "its cells with all seeds are 120000 runs, more than 100000",
    ),
    "a matrix of a million cells": (
        scenario(keys=f"matrix: {{ a: {list(range(1000))}, b: {list(range(1000))} }}"),
        "the matrix has 1000000 cells, more than 1000",
    ),
    "a large file in each of many cells": (
        scenario(*[WAIT] * 500, keys=f"matrix: {{ a: {list(range(1000))} }}"),
        "values, more than 1000000",
    ),
    "a value that is put in thousands of times": (
        scenario(
            f"message, by: ana, with: {{ to: ben, text: {'$matrix.a' * 9000} }}",
            keys=f"matrix: {{ a: [{'x' * 100_000}] }}",
        ),
        "with what it refers to, this text has more than 262144 characters",
    ),
    "a value that is put in in thousands of places": (
        scenario(
            *["message, by: ana, with: { to: ben, text: $matrix.a }"] * 1000,
            keys=f"matrix: {{ a: [{'x' * 100_000}] }}",
        ),
        "until here the matrix puts more than 1048576 characters into a cell",
    ),
    "a NAT that remembers nothing": (
        scenario(more="", devices="tablet: { platform: ios, owner: ana, nat: 1us }"),
        "a NAT that forgets at once lets nothing through",
    ),
    "a duration that moves no clock": (
        scenario("wait, with: { for: 0.001us }"),
        "the duration '0.001us' is too short",
    ),
}


@pytest.mark.parametrize("what", MUCH)
def test_what_is_too_much_is_refused_at_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    content, message = MUCH[what]
    found = mistakes(tmp_path / "much.yaml", content)
    assert any(message in each.message for each in found), [each.message for each in found]
    assert all(each.span is not None for each in found)
    assert main(["check", str(tmp_path / "much.yaml")]) == ExitCode.INVALID
    assert main(["run", str(tmp_path / "much.yaml")]) == ExitCode.INVALID
    assert message in capsys.readouterr().err


TOO_LARGE: Final = (
    (r"[0-9.]+(us|ms|s|m|h|d)", "36600000d"),
    (r"[0-9.]+(B|kB|KiB|MB|MiB)", "999999999MiB"),
    (r"[0-9.]+(B|kB|KiB|MB|MiB)/s", "999999999MiB/s"),
    (r"[0-9.]+%", "101%"),
)
"""What a quantity looks like, and one that nobody can mean."""


def beyond(value: Any) -> Any:
    """A value of the same kind that is too large; None for what is no number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 10**12
    matching = (large for form, large in TOO_LARGE if re.fullmatch(form, str(value)))
    return next(matching, None)


NUMBERS: Final = {
    key: beyond(two.one) for key, two in ENTRIES.items() if beyond(two.one) is not None
}


@pytest.mark.parametrize("key", NUMBERS)
def test_every_number_of_the_world_has_an_upper_bound(tmp_path: Path, key: str) -> None:
    mistakes(tmp_path / "large.yaml", text(written(ENTRIES[key], key, NUMBERS[key])))


def test_all_numbers_of_the_models_are_among_them() -> None:
    numbers = {key for key, annotation in KEYS.items() if _is_number(annotation)}
    elsewhere = {
        *("seed", "matrix.*.*", "seeds.from", "seeds.count", "format"),
        *("devices.fleet.mix.ios", "devices.fleet.mix.android"),  # shares: together 100%
        *(key for key in numbers if key.startswith(("expect.", "faults.", "flow."))),
    }
    assert numbers - elsewhere <= {*NUMBERS}


def _is_number(annotation: Any) -> bool:
    return annotation in (int, float) or any(_is_number(each) for each in get_args(annotation))


PARAMETERS: Final = {
    f"{inject}.{name}": parameter
    for inject, contract in FAULTS.items()
    for name, parameter in contract.parameters.items()
    if parameter.type not in ("choice", "hosts")
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_number_of_a_fault_has_an_upper_bound(name: str) -> None:
    for value in (10**12, *(large for _, large in TOO_LARGE)):
        with pytest.raises(UnitError):
            read_parameter(PARAMETERS[name], value)


@pytest.mark.parametrize(
    "keys",
    [
        "expect: { fates: { lost: 1000000000000 } }",
        "faults: [{ id: f, target: device.fleet, select: { index: 1000000000000 },"
        " inject: dead_path }]",
        "faults: [{ id: f, target: device.fleet, select: { count: 1000000000000 },"
        " inject: dead_path }]",
    ],
)
def test_every_other_number_has_an_upper_bound(tmp_path: Path, keys: str) -> None:
    found = mistakes(tmp_path / "large.yaml", scenario(more=keys, devices=fleet(10)))
    assert any("must be " in each.message for each in found)


def test_results_cannot_be_put_together_without_end() -> None:
    def look_up(path: tuple[str, ...]) -> str:
        looked_up.append(path)
        return "x" * 10_000

    looked_up: list[tuple[str, ...]] = []
    with pytest.raises(TextTooLong, match="more than 262144 characters"):
        resolve("$a " * 20_000, look_up)
    assert len(looked_up) < 30, "given up as soon as it is too long"


def test_one_command_does_not_leave_a_million_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(scenario(keys="seeds: { from: 1, count: 20000 }"))
    assert main(["check", str(path)]) == ExitCode.OK
    assert main(["run", str(path), "--runs", str(tmp_path / "runs")]) == ExitCode.INVALID
    told = capsys.readouterr().err
    assert f"these are more than {run_command.MAX_RUNS:,} runs" in told
    assert "airbed sweep" in told
    assert [*(tmp_path / "runs").iterdir()] == []


SHOWN: Final = {
    "MAX_BYTES": "256 KiB",
    "MAX_DURATION": "366d",
    "MIN_DURATION": "1us",
    "MAX_SIZE": "1024MiB",
    "MIN_NAT": "1s",
    "MIN_HEARTBEAT": "1s",
    "MAX_HEARTBEAT": "24h",
    "MAX_TEXT": "256 Ki",
    "MAX_CELL_TEXT": "1 Mi",
    "MAX_SENT_TEXT": "256 Mi",
    "MAX_SEED": "10^18 - 1",
    "MAX_DEAD_AFTER": "100",
}


@pytest.mark.parametrize("name", [name for name in vars(limits) if name.startswith(("MAX", "MIN"))])
def test_the_docs_list_every_limit(name: str) -> None:
    _, _, section = DOCS.read_text().partition("## Limits\n")
    shown = SHOWN.get(name) or f"{getattr(limits, name):,}"
    assert re.search(rf"(?<![\d,]){re.escape(shown)}(?![\d,])", section), f"{name}: {shown}"
