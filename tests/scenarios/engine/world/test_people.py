"""What the file says of a user is what the site does: each key makes a difference."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load
from tests.scenarios.engine.world.conftest import FaultRun

Run = Callable[..., FaultRun]

HEAD = """\
format: 1
name: People
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, users: {{ ana: {ana}, ben: {ben} }} }}
devices:
  phone: {{ platform: {platform}, owner: ben, state: enabled }}
"""
WRITE = "  - { do: message, by: ana, with: { to: ben, text: Lab at nine } }\n"
NOTHING = "  - { do: receive_nothing, by: phone, within: 30s }\n"
LOGIN = "  - { do: login, by: phone, with: { user: ben } }\n"


def head(ben: str = "student", ana: str = "teacher", platform: str = "ios") -> str:
    return HEAD.format(ana=ana, ben=ben, platform=platform)


NAMES = [
    "Benoît Ångström-Weiß",
    'Ann "Quote" O\'Hara & Söhne',
    "محمد علي الأحمد",
    "\u202b\u05d3\u05d5\u05d3 \u05db\u05d4\u05df\u202c",
    "花子 山田",
    "Zoë \U0001f469\u200d\U0001f680 de la Cruz",
    "Back\\slash %41 +plus",
]


@pytest.mark.parametrize("platform", ["ios", "android"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_arrives_as_it_was_written(run: Run, name: str, platform: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'"
    ana = f"{{ role: teacher, name: {quoted} }}"
    receive = (
        "  - { do: receive, by: phone, within: 30s, expect: { custom.userfrom: " + quoted + " } }\n"
    )
    done = run(flow="flow:\n" + WRITE + receive, head=head(ana=ana, ben=ana, platform=platform))
    assert done.result.verdict == "passed", done.failures
    assert done.result.fates["delivered"] == 1


def test_a_role_is_the_short_form(run: Run) -> None:
    short = run(flow="flow:\n" + WRITE, head=head())
    long = run(flow="flow:\n" + WRITE, head=head(ben="{ role: student }"))
    assert short.result.wire_digest == long.result.wire_digest


@pytest.mark.parametrize(
    ("ben", "reason"),
    [
        ("{ role: student, suspended: true }", "recipient_excluded"),
        ("{ role: student, emailstop: true }", "emailstop"),
    ],
)
def test_no_push_goes_to_somebody_suspended_or_who_stopped_them(
    run: Run, ben: str, reason: str
) -> None:
    done = run(flow="flow:\n" + WRITE + NOTHING, head=head(ben=ben))
    assert done.result.verdict == "passed", done.failures
    assert (done.result.fates["suppressed"], done.result.fates["lost"]) == (1, 0)
    [suppressed] = done.happened("push.suppressed")
    assert suppressed["reason"] == reason


def test_to_somebody_deleted_nobody_can_write(run: Run) -> None:
    done = run(flow="flow:\n" + WRITE, head=head(ben="{ role: student, deleted: true }"))
    assert done.result.verdict == "failed"
    assert "You can not send a message to a user id" in done.failures


def test_a_message_to_all_leaves_out_who_is_deleted(run: Run) -> None:
    flow = "flow:\n" + WRITE.replace("to: ben", "to: all").replace(
        " } }", " }, expect: { sent: 1 } }"
    )
    done = run(flow=flow, head=head(ben="{ role: student, deleted: true }"))
    assert done.result.verdict == "passed", done.failures  # the administrator


@pytest.mark.parametrize(
    ("key", "passes"), [("suspended", False), ("deleted", False), ("emailstop", True)]
)
def test_who_is_suspended_or_deleted_cannot_log_in(run: Run, key: str, passes: bool) -> None:
    done = run(flow="flow:\n" + LOGIN, head=head(ben=f"{{ role: student, {key}: true }}"))
    assert done.result.verdict == ("passed" if passes else "failed")
    if not passes:
        assert "/login/token.php answered 200: The username was not found" in done.failures


def test_who_is_suspended_cannot_write(run: Run) -> None:
    done = run(flow="flow:\n" + WRITE, head=head(ana="{ role: teacher, suspended: true }"))
    assert done.result.verdict == "failed"
    assert "/login/token.php answered 200" in done.failures


@pytest.mark.parametrize(
    ("ben", "told"),
    [
        ("{ role: studnet }", "student"),
        ("studnet", "student"),
        ("{ role: student, suspendd: true }", "suspended"),
        ("{ name: Ben Fox }", "role"),
        ("{ role: student, suspended: 1 }", "suspended"),
        ("{ role: student, name: Ben }", "a first and a last name"),
        ('{ role: student, name: " Ben Fox" }', "a first and a last name"),
        ('{ role: student, name: "Ben\\tA Fox" }', "control characters"),
        ('{ role: student, name: "Ben <b>Fox" }', "no < and no >"),
        ("{ role: student, name: Ben " + "x" * 101 + " }", "at most 100 characters"),
        ("[student]", "ben"),
    ],
)
def test_mistakes_are_told_where_they_are(tmp_path: Path, ben: str, told: str) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(head(ben=ben) + "flow:\n" + WRITE, encoding="utf-8")
    with pytest.raises(InvalidScenario) as error:
        load(path)
    shown = error.value.render().plain
    assert told in shown
    assert "people.yaml:5:" in shown
    assert "error[invalid]" not in shown
