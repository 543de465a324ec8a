"""What a scenario says of the servers is what the servers' own settings take, field by field.

Two models of one thing drift apart: a file that `airbed check` calls good would end in a defect, or
something that the servers can be told could not be said. Each field of the scenario's models of the
servers is here, with its twin or with why it has none.
"""

import argparse
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from scenarios.engine.commands import option_values
from scenarios.engine.format.models import Gateway, Scenario, Site
from scenarios.engine.format.people import User
from scenarios.engine.format.quantities import NAME_PATTERN
from scenarios.engine.format.sending_models import ApnsSending, GcmSending
from scenarios.engine.world.population import Population
from scenarios.engine.world.services import Services
from scenarios.engine.world.stage import simulated
from server.airnotifier.settings import (
    ApnsSettings,
    AppSettings,
    GatewaySettings,
    GcmSettings,
    KeySettings,
)
from server.moodle.settings import AirnotifierSettings, SiteSettings, UserSettings

Accepts = Callable[[Any], bool]


def accepts(make: Callable[[Any], object]) -> Accepts:
    """Whether a model (or an option's reader) takes a value."""

    def try_it(value: Any) -> bool:
        try:
            make(value)
        except (ValidationError, argparse.ArgumentTypeError):
            return False
        return True

    return try_it


def _gateway(**given: Any) -> Gateway:
    return Gateway.model_validate({"kind": "airnotifier", **given})


def _site(**given: Any) -> Site:
    return Site.model_validate({"kind": "moodle", **given})


def _server(**given: Any) -> GatewaySettings:
    return GatewaySettings.model_validate({"apps": [], **given})


def _school(**given: Any) -> SiteSettings:
    return SiteSettings.model_validate({"wwwroot": "http://school.example", **given})


def _user(**given: Any) -> UserSettings:
    user = {"username": "u", "password": "p", "firstname": "F", "lastname": "L", **given}
    return UserSettings.model_validate(user)


def _apns(**given: Any) -> ApnsSettings:
    files = {"cert_file": __file__, "key_file": __file__}
    return ApnsSettings.model_validate({**files, **given})


def _gcm(**given: Any) -> GcmSettings:
    return GcmSettings.model_validate({"api_key": "key", **given})


WORDS: Final = st.one_of(
    st.text(max_size=5),
    st.text(string.ascii_letters + string.digits + "._-/ ", max_size=70),
    st.sampled_from(["..", "../x", "a" * 64, "a" * 65, "\ud800", "\0", "x\n", "ä", "é" * 64]),
)
SCALARS: Final = st.one_of(
    WORDS, st.integers(), st.floats(), st.booleans(), st.none(),
    st.sampled_from(["2013", 2013, 2013.0, "2.7", 2.7, "2.70", 2014, "none", "replay", "student"]),
)  # fmt: skip
SECONDS: Final = st.one_of(
    st.integers(-10, 10), st.integers(0, 40 * 86_400), st.integers(360 * 86_400, 370 * 86_400)
)
NAME: Final = st.one_of(st.text(max_size=12), st.text("äß'-. x", min_size=99, max_size=102))
NAMES: Final = st.tuples(NAME, NAME)
KEYS: Final = st.one_of(WORDS, st.text(string.ascii_letters + "-_", min_size=14, max_size=260))
ADDRESSES: Final = st.builds(
    lambda *parts: "".join(parts),
    st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "", "http:"]),
    st.one_of(
        st.sampled_from(["push.example", "127.0.0.1", "[::1]", "[::1", "a_b", "x" * 64, "ä.example",
                         "user@host", "", "a..b", "-a", "a" * 300]),
        st.text(max_size=6),
    ),
    st.sampled_from(["", ":8801", ":0", ":65536", ":080", ":x", ":"]),
    st.sampled_from(["", "/", "/path", "?q", "#f"]),
)  # fmt: skip


@dataclass(frozen=True)
class Twins:
    """A field of a scenario, or an option, and who has to take its values. `same`: and nothing
    else."""

    values: st.SearchStrategy[Any]
    ours: Accepts
    theirs: tuple[Accepts, ...]
    same: bool = True


TWINS: Final = {
    "Gateway.app": Twins(
        WORDS, accepts(lambda v: _gateway(app=v)), (accepts(lambda v: AppSettings(name=v)),)
    ),
    "Gateway.app at the site": Twins(
        WORDS,
        accepts(lambda v: _gateway(app=v)),
        (accepts(lambda v: AirnotifierSettings(app_name=v)),),
        same=False,
    ),
    "Gateway.legacy_status": Twins(
        SCALARS,
        accepts(lambda v: _gateway(legacy_status=v)),
        (accepts(lambda v: _server(legacy_status=v)),),
    ),
    "ApnsSending.recovery": Twins(
        SCALARS,
        accepts(lambda v: ApnsSending.model_validate({"recovery": v})),
        (accepts(lambda v: _apns(recovery=v)),),
    ),
    "ApnsSending.lifetime": Twins(
        SECONDS,
        accepts(lambda v: ApnsSending.model_validate({"lifetime": f"{v}s"})),
        (accepts(lambda v: _apns(time_to_live=v)),),
    ),
    "GcmSending.lifetime": Twins(
        SECONDS,
        accepts(lambda v: GcmSending.model_validate({"lifetime": f"{v}s"})),
        (accepts(lambda v: _gcm(time_to_live=v)),),
    ),
    "Site.generation": Twins(
        SCALARS,
        accepts(lambda v: _site(generation=v)),
        (accepts(lambda v: _school(generation=v)),),
    ),
    "Site.users": Twins(  # the names of accounts, which are hosts' as well
        st.one_of(WORDS, st.from_regex(NAME_PATTERN)),
        accepts(lambda v: _site(users={v: "student"})),
        (accepts(lambda v: _user(username=v)),),
        same=False,
    ),
    "User.role": Twins(
        SCALARS,
        accepts(lambda v: User.model_validate({"role": v})),
        (accepts(lambda v: _user(role=v)),),
    ),
    "User.name": Twins(
        NAMES.filter(lambda v: " " not in v[0] and v[0] and v[1] == v[1].strip() and v[1]),
        accepts(lambda v: User.model_validate({"role": "student", "name": " ".join(v)})),
        (accepts(lambda v: _user(firstname=v[0], lastname=v[1])),),
    ),
    "--gateway-app-key": Twins(
        KEYS,
        accepts(option_values.access_key),
        (
            accepts(lambda v: AirnotifierSettings.model_validate({"access_key": v})),
            accepts(lambda v: AirnotifierSettings.model_validate({"device_access_key": v})),
            accepts(lambda v: KeySettings.model_validate({"key": v, "permissions": 1})),
        ),
        same=False,
    ),
    "--gateway": Twins(
        ADDRESSES,
        accepts(option_values.gateway_url),
        (accepts(lambda v: AirnotifierSettings.model_validate({"url": v})),),
        same=False,
    ),
}
GOOD: Final[dict[str, st.SearchStrategy[Any]]] = {
    "Gateway.app": st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=64),
    "Gateway.legacy_status": st.sampled_from([2013, "2013"]),
    "ApnsSending.recovery": st.sampled_from(["replay", "none"]),
    "ApnsSending.lifetime": st.integers(1, 365 * 86_400),
    "GcmSending.lifetime": st.integers(1, 28 * 86_400),
    "Site.generation": st.sampled_from([2013, "2013", 2.7, "2.7"]),
    "User.role": st.sampled_from(["student", "teacher", "admin"]),
    "User.name": NAMES.filter(TWINS["User.name"].ours),
}
"""Values that a scenario may say."""
ALONE: Final = {
    "Gateway.kind": "it says which gateway, of which there is one",
    "Gateway.environment": "a certificate's; for the gateway true or false",
    "Gateway.token_in": "what phones do",
    "Gateway.apns": "its own fields are here",
    "Gateway.gcm": "its own fields are here",
    "Gateway.cost": "the simulated host's",
    "ApnsSending.certificate": "what is wrong with a file",
    "GcmSending.key": "which key, not the key itself",
    "Site.kind": "it says which site, of which there is one",
    "Site.gateway_key": "which key, not the key itself",
    "Site.cost": "the simulated host's",
    "User.suspended": "an administrator does it while the site runs",
    "User.deleted": "an administrator does it while the site runs",
    "User.emailstop": "an administrator does it while the site runs",
}
MODELS: Final[list[type[BaseModel]]] = [Gateway, Site, User, ApnsSending, GcmSending]


def test_every_field_has_its_twin_or_a_reason_to_have_none() -> None:
    fields = {f"{model.__name__}.{name}" for model in MODELS for name in model.model_fields}
    assert fields == {*ALONE, *(name for name in TWINS if "." in name and " " not in name)}


@pytest.mark.parametrize("name", TWINS)
def test_what_a_scenario_may_say_the_servers_take(name: str) -> None:
    twins = TWINS[name]

    @settings(max_examples=200, deadline=None)
    @given(twins.values)
    def test(value: Any) -> None:
        if twins.ours(value):
            said.append(value)
            assert all(theirs(value) for theirs in twins.theirs)

    said: list[Any] = []
    test()
    assert said, "the values are none that a scenario may say"


@pytest.mark.parametrize("name", [name for name, twins in TWINS.items() if twins.same])
def test_what_the_servers_take_a_scenario_may_say(name: str) -> None:
    twins = TWINS[name]

    @settings(max_examples=200, deadline=None)
    @given(twins.values)
    def test(value: Any) -> None:
        # None is what is left out, which a scenario says by leaving it out.
        assume(value is not None)
        if all(theirs(value) for theirs in twins.theirs):
            taken.append(value)
            assert twins.ours(value)

    taken: list[Any] = []
    test()
    assert taken, "the values are none that the servers take"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_every_world_that_a_file_may_describe_can_be_set_up(tmp_path: Path, data: Any) -> None:
    """All fields at once, by way of the code that makes the servers' settings."""

    def one(name: str) -> Any:
        value = data.draw(GOOD[name], label=name)
        assert TWINS[name].ours(value)
        return value

    names = st.from_regex(NAME_PATTERN, fullmatch=True).filter(lambda name: len(name) <= 50)
    username = data.draw(names, label="user")
    document = {
        "format": 1,
        "name": "Any",
        "world": {
            "gateway": {
                "kind": "airnotifier",
                "app": one("Gateway.app"),
                "legacy_status": one("Gateway.legacy_status"),
                "environment": data.draw(st.sampled_from(["production", "sandbox"])),
                "apns": {
                    "recovery": one("ApnsSending.recovery"),
                    "lifetime": f"{one('ApnsSending.lifetime')}s",
                },
                "gcm": {"lifetime": f"{one('GcmSending.lifetime')}s"},
            },
            "site": {
                "kind": "moodle",
                "generation": one("Site.generation"),
                "users": {username: {"role": one("User.role"), "name": " ".join(one("User.name"))}},
            },
        },
        "flow": [{"do": "wait", "with": {"for": "1s"}}],
    }
    scenario = Scenario.model_validate(document)
    stage = simulated(scenario, 1, tmp_path, True)
    with stage.world as world:
        services = Services(stage, scenario, tmp_path)
        staff = Population(world, scenario, services).staff()
        made = services._make_site_settings(staff)
    assert services._gateway_settings.apps[0].name == scenario.world.gateway.app
    assert {user.username for user in made.users} == {"admin", username}
