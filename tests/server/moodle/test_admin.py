"""Importing accounts and phones in bulk."""

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from server.database import Database
from server.moodle.admin import (
    AdminError,
    NewDevice,
    NewUser,
    delete_user,
    import_devices,
    import_users,
    set_outputs,
    suspend_user,
    user_ids,
)
from server.moodle.passwords import make_hasher
from server.moodle.settings import PasswordHash, SiteSettings, UserSettings
from server.moodle.site import install
from tests.databases import database_url, rows

HASHER = make_hasher(PasswordHash(time_cost=1, memory_cost=8))
PREFERENCE = "message_provider_moodle_instantmessage_loggedoff"


@pytest.fixture
def connection(tmp_path):
    database = Database(database_url(tmp_path / "site.sqlite"), durability="normal")
    settings = SiteSettings(wwwroot="http://site.test", airnotifier={"app_name": "moodle"})
    database.run_now(install, settings, HASHER)
    with database.engine.begin() as connection:
        yield connection
    database.engine.dispose()


def user(name, **more):
    return NewUser(username=name, firstname="F", lastname="L", **more)


def test_users_and_phones_are_created_with_notifications_on(connection):
    ids = import_users(connection, [user("u2"), user("u1")], HASHER)
    assert ids == {"u2": 1, "u1": 2}

    import_devices(
        connection,
        [
            NewDevice(username="u1", token="t1", devicename="Phone"),
            NewDevice(username="u1", token="t2", enabled=False),
        ],
    )

    assert rows(
        connection,
        "SELECT userid, appname, devicenotificationtoken, enable FROM airnotifier_user_devices",
    ) == [(2, "moodle", "t1", 1), (2, "moodle", "t2", 0)]
    assert rows(
        connection, f"SELECT userid, value FROM user_preferences WHERE name = '{PREFERENCE}'"
    ) == [(2, "popup,airnotifier")]


def test_a_user_without_a_password_cannot_log_in_and_one_with_has_it_hashed(connection):
    import_users(connection, [user("a"), user("b", password="hush")], HASHER)
    (none,), (hashed,) = rows(connection, "SELECT password FROM users ORDER BY id")
    assert none == ""
    assert hashed.startswith("$argon2id$")
    assert HASHER.verify(hashed, "hush")


def test_outputs_are_replaced(connection):
    ids = import_users(connection, [user("a"), user("b")], HASHER)
    for outputs in (["airnotifier", "popup"], [], ["email"]):
        set_outputs(connection, ids.values(), "loggedoff", outputs)
    assert rows(connection, "SELECT userid, name, value FROM user_preferences") == [
        (1, PREFERENCE, "email"),
        (2, PREFERENCE, "email"),
    ]
    with pytest.raises(AdminError, match="there is no state 'asleep'"):
        set_outputs(connection, [1], "asleep", [])


def test_a_name_in_use_or_unknown_is_an_error(connection):
    import_users(connection, [user("a")], HASHER)
    with pytest.raises(AdminError, match="already a user 'a'"):
        import_users(connection, [user("b"), user("a")], HASHER)
    with pytest.raises(AdminError, match="no user 'x'"):
        import_devices(connection, [NewDevice(username="x", token="t")])
    with pytest.raises(AdminError, match="no user 'x'"):
        suspend_user(connection, "x")
    assert user_ids(connection) == {"a": 1}


def test_a_suspension_is_set_and_lifted(connection):
    import_users(connection, [user("a")], HASHER)
    for suspended in (True, False):
        suspend_user(connection, "a", suspended=suspended)
        assert rows(connection, "SELECT suspended FROM users") == [(int(suspended),)]


def test_what_does_not_fit_a_column_is_refused():
    with pytest.raises(ValidationError):
        NewDevice(username="a", token="x" * 256)


def run(tmp_path, accounts):
    config, file = tmp_path / "site.json", tmp_path / "accounts.json"
    database = database_url(tmp_path / "cli.sqlite")
    config.write_text(json.dumps({"wwwroot": "http://site.test", "database": database}))
    file.write_text(json.dumps(accounts))
    command = [sys.executable, "-m", "server.moodle.admin", "--config", config, "import", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line_imports_a_file(tmp_path):
    done = run(
        tmp_path,
        {
            "users": [{"username": "a", "firstname": "A", "lastname": "B"}],
            "devices": [{"username": "a", "token": "t"}],
        },
    )
    assert (done.returncode, done.stdout) == (0, "imported 1 users and 1 phones\n")
    again = run(tmp_path, {"users": [{"username": "a", "firstname": "A", "lastname": "B"}]})
    assert (again.returncode, again.stderr) == (2, "moodle: there is already a user 'a'\n")


def test_the_import_warns_about_files_that_others_may_read(tmp_path):
    accounts = {"users": [{"username": "a", "firstname": "A", "lastname": "B"}]}
    done = run(tmp_path, accounts)
    assert done.stderr.splitlines() == [
        f"moodle: {tmp_path / name}: others may read this file: chmod 600"
        for name in ("site.json", "accounts.json")
    ]


def test_the_command_line_explains_a_bad_file(tmp_path):
    done = run(tmp_path, {"users": [{"username": "a", "age": 7}]})
    assert done.returncode == 2
    assert "users.0.age: there is no such setting; known here: username, firstname" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a\tb", "a\x85", "\ud83d", "<b>", "x" * 101])
def test_no_name_is_taken_that_moodle_would_not_store(name):
    for model in (UserSettings, NewUser):
        for part in ("firstname", "lastname"):
            fields = {"username": "u", "password": "p", "firstname": "A", "lastname": "B"}
            with pytest.raises(ValidationError):
                model.model_validate({**fields, part: name})


def test_a_deleted_user_has_neither_tokens_nor_sessions_but_keeps_the_phones(stand):
    async def story():
        token = await stand.token("ben")
        await stand.register(token)
        await stand.log_in("ben")
        await stand.token("ana")

    stand.run(story)
    database = Database(stand.settings["database"], durability="normal")
    try:
        database.run_now(delete_user, "ben")
    finally:
        database.engine.dispose()
    assert stand.sql("SELECT userid FROM external_tokens") == [(1,)]
    assert stand.sql("SELECT * FROM sessions") == []
    assert stand.sql("SELECT count(*) FROM airnotifier_user_devices") == [(1,)]
    assert stand.sql("SELECT deleted FROM users WHERE username = 'ben'") == [(1,)]
