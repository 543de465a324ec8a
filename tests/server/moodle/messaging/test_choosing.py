"""Which outputs a message takes."""

import pytest

from server.moodle.accounts import User
from server.moodle.configuration import AIRNOTIFIER_SETTINGS, Configuration
from server.moodle.errors import MoodleError
from server.moodle.messaging.choosing import Recipient, select_outputs

NOW = 1_000_000
USER = User(2, "ben", "Ben", "Reader", "", "student", "manual", 0, 0, 0, 0)
CONFIGURATION = Configuration(
    values=dict.fromkeys(AIRNOTIFIER_SETTINGS, "x"),
    defaults={"loggedin": ("popup",), "loggedoff": ("email",)},
    permissions={"popup": "permitted", "email": "permitted", "airnotifier": "permitted"},
    processors={"popup": (1, True), "email": (2, True), "airnotifier": (3, True)},
    version=1,
)


def outputs(*, user=None, loggedin="", loggedoff="", **configuration):
    from dataclasses import replace

    recipient = Recipient(USER._replace(**user or {}), loggedin, loggedoff)
    return select_outputs(recipient, replace(CONFIGURATION, **configuration), NOW)


def test_without_a_preference_the_site_decides():
    assert outputs() == ["email"]
    assert outputs(user={"lastaccess": NOW}) == ["popup"]


@pytest.mark.parametrize(
    ("age", "expected"), [(0, ["popup"]), (299, ["popup"]), (300, ["airnotifier"])]
)
def test_a_user_is_logged_in_for_five_minutes_after_a_page(age, expected):
    chosen = outputs(user={"lastaccess": NOW - age}, loggedin="popup", loggedoff="airnotifier")
    assert chosen == expected


def test_outputs_are_asked_by_name_from_the_end():
    assert outputs(loggedoff="airnotifier,email,popup") == ["popup", "email", "airnotifier"]


def test_none_is_a_choice_and_an_empty_preference_is_not():
    assert outputs(loggedoff="none") == []
    assert outputs(loggedoff="") == ["email"]


def test_disabling_all_notifications_leaves_only_what_is_forced():
    permissions = {**CONFIGURATION.permissions, "airnotifier": "forced"}
    chosen = outputs(user={"emailstop": 1}, loggedoff="popup,email", permissions=permissions)
    assert chosen == ["airnotifier"]


def test_what_is_forced_needs_no_preference_and_what_is_disallowed_has_no_effect():
    permissions = {"popup": "forced", "email": "permitted", "airnotifier": "disallowed"}
    assert outputs(loggedoff="email,airnotifier", permissions=permissions) == ["popup", "email"]


def test_an_output_that_is_switched_off_does_not_take_part():
    processors = {**CONFIGURATION.processors, "airnotifier": (3, False)}
    assert outputs(loggedoff="airnotifier,email", processors=processors) == ["email"]


@pytest.mark.parametrize("missing", AIRNOTIFIER_SETTINGS)
def test_airnotifier_needs_all_its_settings(missing):
    values = {**CONFIGURATION.values, missing: ""}
    assert outputs(loggedoff="airnotifier,email", values=values) == ["email"]


def test_an_output_without_a_permission_is_an_error_in_the_installation():
    with pytest.raises(MoodleError) as caught:
        outputs(permissions={"popup": "permitted"})
    assert caught.value.code == "codingerror"
    assert caught.value.exception == "coding_exception"
