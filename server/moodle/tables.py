"""The tables of the site, with Moodle 2.5's names and columns as far as the site uses them.

`users` stands for Moodle's `user`, which is a reserved word elsewhere. Columns and indices
that only parts of Moodle use which are not built here are left out. Ids of messages and phones are
never used twice, also after deleting the newest row: a push carries the id of a message that may
have moved to `message_read` since.
"""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from server.database import Number
from server.health import health_table

metadata = MetaData()

health = health_table(metadata)

# One row: rises when a setting changes that is in the database.
administration = Table(
    "administration",
    metadata,
    Column("id", Number, primary_key=True),
    Column("version", Number, nullable=False),
)


def _id() -> "Column[int]":
    return Column("id", Number, primary_key=True)


def _user(name: str) -> "Column[int]":
    return Column(name, Number, ForeignKey("users.id"), nullable=False)


def _table(name: str, *items: "Column[int] | Column[str] | Index | UniqueConstraint") -> Table:
    return Table(name, metadata, _id(), *items)


def _table_with_lasting_ids(
    name: str, *items: "Column[int] | Column[str] | Index | UniqueConstraint"
) -> Table:
    """A table from which rows are deleted whose ids are known elsewhere."""
    return Table(name, metadata, _id(), *items, sqlite_autoincrement=True)


users = _table(
    "users",
    Column("username", String(100), nullable=False, unique=True),
    # An argon2 hash; empty: nobody can log in with a password.
    Column("password", String(255), nullable=False, default=""),
    Column("firstname", String(100), nullable=False),
    Column("lastname", String(100), nullable=False),
    Column("email", String(100), nullable=False, default=""),
    Column("role", String(20), nullable=False, default="student"),
    Column("auth", String(20), nullable=False, default="manual"),
    Column("suspended", Number, nullable=False, default=0),
    Column("deleted", Number, nullable=False, default=0),
    # "Disable all notifications" of the preferences page.
    Column("emailstop", Number, nullable=False, default=0),
    # Unix seconds of the last page seen in a browser; web service calls do not count.
    Column("lastaccess", Number, nullable=False, default=0),
)

external_tokens = _table(
    "external_tokens",
    # Plain, as in Moodle: the same token is handed out again at the next login.
    Column("token", String(128), nullable=False, unique=True),
    Column("service", String(255), nullable=False),
    _user("userid"),
    Column("validuntil", Number),
    Column("timecreated", Number, nullable=False),
    Column("lastaccess", Number),
    Index("external_tokens_user", "userid"),
)

user_preferences = _table(
    "user_preferences",
    _user("userid"),
    Column("name", String(255), nullable=False),
    Column("value", String(1333), nullable=False),
    UniqueConstraint("userid", "name"),
)

config = _table(
    "config",
    Column("name", String(255), nullable=False, unique=True),
    Column("value", Text, nullable=False),
)

config_plugins = _table(
    "config_plugins",
    Column("plugin", String(100), nullable=False),
    Column("name", String(255), nullable=False),
    Column("value", Text, nullable=False),
    UniqueConstraint("plugin", "name"),
)

sessions = _table(
    "sessions",
    # SHA-256 of the cookie's value: the table alone gives no access.
    Column("sid", String(64), nullable=False, unique=True),
    _user("userid"),
    Column("sesskey", String(10), nullable=False),
    Column("timecreated", Number, nullable=False),
    Column("timemodified", Number, nullable=False),
)

message_processors = _table(
    "message_processors",
    Column("name", String(166), nullable=False, unique=True),
    Column("enabled", Number, nullable=False, default=1),
)


def _message_columns() -> "list[Column[int] | Column[str]]":
    return [
        _user("useridfrom"),
        _user("useridto"),
        Column("subject", Text, nullable=False),
        Column("fullmessage", Text, nullable=False),
        Column("fullmessageformat", Number, nullable=False),
        Column("fullmessagehtml", Text, nullable=False),
        Column("smallmessage", Text, nullable=False),
        Column("timecreated", Number, nullable=False),
    ]


message = _table_with_lasting_ids("message", *_message_columns())
message_read = _table(
    "message_read", *_message_columns(), Column("timeread", Number, nullable=False)
)
message_working = _table(
    "message_working",
    Column("unreadmessageid", Number, nullable=False),
    Column("processorid", Number, nullable=False),
)

# What the e-mail output would have handed to a mail server. Nothing leaves the site.
email_outbox = _table(
    "email_outbox",
    _user("userid"),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("timecreated", Number, nullable=False),
)

airnotifier_user_devices = _table_with_lasting_ids(
    "airnotifier_user_devices",
    Column("appname", String(100)),
    Column("devicename", String(255)),
    Column("devicetype", String(100)),
    Column("deviceos", String(100)),
    Column("deviceosversion", String(100)),
    Column("devicebrand", String(100)),
    Column("devicenotificationtoken", String(255)),
    Column("deviceuid", String(255)),
    Column("userid", Number, ForeignKey("users.id"), nullable=False),
    Column("enable", Number, nullable=False, default=1),
    # The original has no key besides the id and leaves uniqueness to a read before the write.
    # Here the read and the write are one transaction; the index is only for speed.
    Index("airnotifier_user_devices_user", "userid", "appname"),
)
