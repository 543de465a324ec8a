"""What is said of wrong settings: in our words, with a way out, and without values of the file."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core._pydantic_core import list_all_errors

from server.airnotifier.settings import GatewaySettings
from server.configuration_file import SettingsError, read_model
from server.moodle.admin import Accounts
from server.moodle.settings import SiteSettings
from server.settings_mistakes import describe

LIBRARYS_WORDS = (
    "Input should", "Value error", "Extra inputs", "Field required", "String should", "should have",
    "Unable to", "unable to", "Assertion", "pydantic", "Value should", "List should",
    "valid string", "valid integer", "NoneType", "dict", "tuple", "<class", "Key should",
)  # fmt: skip


def said_of(path: Path, document: Any, model: type[BaseModel]) -> str:
    file = path / "settings.json"
    file.write_text(json.dumps(document))
    with contextlib.suppress(SettingsError):
        read_model(file, model)
        return ""
    with pytest.raises(SettingsError) as caught:
        read_model(file, model)
    return str(caught.value).replace(str(path), "")


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda each: each["type"])
def test_no_kind_of_error_is_told_in_the_words_of_the_library(error: Any) -> None:
    context = dict(error["example_context"] or {})
    if error["type"] in ("value_error", "assertion_error"):
        context["error"] = ValueError("our own words")
    item: Any = {
        "type": error["type"], "loc": ("apps", 0, "nmae"), "input": "hush",
        "msg": error["example_message_python"], "ctx": context,
    }  # fmt: skip
    said = describe(item, GatewaySettings)
    assert said
    assert said != error["example_message_python"]
    assert not [words for words in LIBRARYS_WORDS if words in said]
    assert "hush" not in said


GATEWAY = {
    "host": "127.0.0.1", "port": 8801, "database": "sqlite://", "durability": "full",
    "trusted_proxies": ["10.0.0.0/8"], "http": {"head_timeout": 20.0, "connections": 5},
    "max_body_bytes": 65_536, "legacy_status": "2013",
    "apps": [
        {
            "name": "moodle", "blocked_ips": ["10.0.0.1"], "sandbox": True,
            "max_unknown_writes": 5,
            "keys": [{"key": "0123456789abcdef", "permissions": ["create_token"]}],
            "apns": {
                "host": "a.example", "port": 2195, "cert_file": __file__, "key_file": __file__,
                "connections": 1, "recovery": "none", "window": 1, "confirm_after": 5.0,
            },
            "gcm": {"url": "https://a.example/", "api_key": "k", "concurrency": 1, "timeout": 3.0},
        }
    ],
}  # fmt: skip
SITE = {
    "wwwroot": "http://m", "reverse_proxy": False, "sitename": "x", "generation": "2013",
    "port": 80, "database": "sqlite://", "password_hash": {"time_cost": 1, "parallelism": 1},
    "users": [
        {"username": "a", "password": "b", "firstname": "c", "lastname": "d", "role": "admin"}
    ],
    "airnotifier": {"enabled": True, "url": "http://x", "port": 1, "access_key": "k"},
    "default_outputs": {"loggedin": ["popup"], "permitted": {"email": "forced"}},
    "lockout": {"threshold": 1, "window": 1}, "session_timeout": 60, "max_input_vars": 10,
}  # fmt: skip
ACCOUNTS = {
    "users": [{"username": "a", "firstname": "c", "lastname": "d", "password": "p"}],
    "devices": [{"username": "a", "token": "t", "devicename": "d", "enabled": True}],
}
FILES = [(GATEWAY, GatewaySettings), (SITE, SiteSettings), (ACCOUNTS, Accounts)]

SECRET = "hush-hush"
TOLD = ("there is no file ", "unknown permission '")
"""What is repeated, as it is no secret: the paths of files and the names of permissions."""
wrong_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**30), st.floats(), st.just(SECRET),
    st.just(""), st.just("x" * 300), st.just("<\x01"), st.lists(st.just(SECRET), max_size=2),
    st.dictionaries(st.just("key"), st.just(SECRET)),
)  # fmt: skip


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every place of a document as (what it is in, key or index)."""
    keys: Any = ()
    if isinstance(document, dict):
        keys = list(document)
    elif isinstance(document, list):
        keys = range(len(document))
    return [(document, key) for key in keys] + [p for key in keys for p in places(document[key])]


@pytest.mark.parametrize(("good", "model"), FILES, ids=["gateway", "site", "accounts"])
def test_the_files_that_are_damaged_below_are_good(tmp_path: Path, good: Any, model: Any) -> None:
    assert said_of(tmp_path, good, model) == ""


@pytest.mark.parametrize(("good", "model"), FILES, ids=["gateway", "site", "accounts"])
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_wrong_with_a_file_is_told_in_our_words(
    tmp_path: Path, good: Any, model: Any, data: st.DataObject
) -> None:
    document = copy.deepcopy(good)
    holder, key = data.draw(st.sampled_from(places(document)))
    match data.draw(st.sampled_from(["another value", "another key", "left out"])):
        case "another value":
            holder[key] = data.draw(wrong_values)
        case "another key" if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        case _:
            del holder[key]
    said = said_of(tmp_path, document, model)
    for told in TOLD:
        said = said.replace(f"{told}{SECRET}", "")
    assert not [words for words in LIBRARYS_WORDS if words in said], said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"portt": 1}, "portt: there is no such setting; did you mean port?"),
        ({"apps": [{"name": "a", "apn": {}}]}, "apps.0.apn: there is no such setting; did you"),
        ({"apps": [{"name": "a", "gcm": {"zzz": 1, "api_key": "k"}}]}, "known here: url, api_key"),
        ({"http": {"head_timeut": 1}}, "did you mean head_timeout?"),
        ({"port": "80"}, "port: expected a whole number, found a text"),
        ({"port": 80.5}, "port: expected a whole number, found a number with a fraction"),
        ({"port": 70_000}, "port: must be at most 65535"),
        ({"port": True}, "port: expected a whole number, found true or false"),
        ({"durability": "half"}, "durability: must be"),
        ({"http": {"min_rate": float("inf")}}, "http.min_rate: must be a number, neither infinite"),
        ({"apps": {}}, "apps: expected a list, found a mapping"),
        ({"apps": [{}]}, "apps.0.name: missing; this setting is required"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_way_out(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    assert said in said_of(tmp_path, {**GATEWAY, **change}, GatewaySettings)
