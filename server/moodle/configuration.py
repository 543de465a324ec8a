"""The administrator's settings as they stand in the database.

A `Configuration` is an immutable picture of `config`, `config_plugins` and `message_processors`.
The site keeps one and replaces it when its pages write, or those of another process on the same
database: every change raises a version (see `server.freshness`). Who edits these tables by hand
raises it as well: `UPDATE administration SET version = version + 1`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from server.moodle.settings import SiteSettings
from server.moodle.tables import administration, config, config_plugins, message_processors

PROCESSORS = ("popup", "email", "airnotifier")
"""The outputs, in the order in which Moodle asks them: by name, descending.

Moodle has a fourth, jabber, between the first two. It never takes part without a jabber server.
"""

PROVIDER = "moodle_instantmessage"
"""Component and name of the one kind of message there is: a private message."""

_ONLY_ROW = 1

STATES = ("loggedin", "loggedoff")

AIRNOTIFIER_SETTINGS = (
    "airnotifierurl",
    "airnotifierport",
    "airnotifierappname",
    "airnotifieraccesskey",
    "airnotifierdeviceaccesskey",
)


@dataclass(frozen=True)
class Configuration:
    """The settings, and what follows from them for every message."""

    values: Mapping[str, str]
    defaults: Mapping[str, tuple[str, ...]]
    """State -> outputs that the site uses for users without a preference."""
    permissions: Mapping[str, str]
    """Output -> permitted, forced or disallowed."""
    processors: Mapping[str, tuple[int, bool]]
    """Output -> its row id and whether it is switched on."""
    version: int
    """Rises with every change."""

    def flag(self, name: str) -> bool:
        """A setting of type checkbox."""
        return self.values.get(name, "0") == "1"

    @property
    def airnotifier_configured(self) -> bool:
        """All five settings have a value (`is_system_configured` of 2013)."""
        return all(self.values.get(name) for name in AIRNOTIFIER_SETTINGS)

    def ready(self, processor: str) -> bool:
        """Switched on and configured, so that it takes part in messages."""
        enabled = processor in self.processors and self.processors[processor][1]
        return enabled and (processor != "airnotifier" or self.airnotifier_configured)


def load(connection: Connection) -> Configuration:
    """Read the picture."""
    values = {row.name: row.value for row in connection.execute(select(config))}
    plugin = {
        row.name: row.value
        for row in connection.execute(
            select(config_plugins).where(config_plugins.c.plugin == "message")
        )
    }
    processors = {
        row.name: (row.id, bool(row.enabled))
        for row in connection.execute(select(message_processors))
    }
    permissions = {}
    for name in PROCESSORS:
        permission = plugin.get(f"{name}_provider_{PROVIDER}_permitted")
        if permission is not None:
            permissions[name] = permission
    defaults = {
        state: split_outputs(plugin.get(f"message_provider_{PROVIDER}_{state}", ""))
        for state in STATES
    }
    return Configuration(values, defaults, permissions, processors, version(connection) or 0)


def version(connection: Connection) -> int | None:
    """That of the settings; None in a database which has none yet."""
    found: int | None = connection.scalar(select(administration.c.version))
    return found


def _raise_version(connection: Connection) -> None:
    connection.execute(update(administration).values(version=administration.c.version + 1))


def split_outputs(value: str) -> tuple[str, ...]:
    """`popup,airnotifier` -> its members; the literal `none` names no output."""
    return tuple(name for name in value.split(",") if name)


def store(connection: Connection, name: str, value: str) -> None:
    """Set one setting of `config`."""
    connection.execute(delete(config).where(config.c.name == name))
    connection.execute(insert(config).values(name=name, value=value))
    _raise_version(connection)


def switch_processor(connection: Connection, processor_id: int, enabled: bool) -> bool:
    """Switch an output on or off; False if there is none with this id."""
    changed = connection.execute(
        update(message_processors)
        .where(message_processors.c.id == processor_id)
        .values(enabled=int(enabled))
    )
    _raise_version(connection)
    return changed.rowcount == 1


def install(connection: Connection, settings: SiteSettings) -> None:
    """Write what the database does not hold yet. What it holds stays as it is."""
    if version(connection) is None:
        connection.execute(insert(administration).values(id=_ONLY_ROW, version=1))
    airnotifier = settings.airnotifier
    initial = {
        "enablewebservices": str(int(settings.mobile_services)),
        "messaging": str(int(settings.messaging)),
        "noemailever": str(int(settings.noemailever)),
        "lockoutthreshold": str(settings.lockout.threshold),
        "lockoutwindow": str(settings.lockout.window),
        "lockoutduration": str(settings.lockout.duration),
        "airnotifierurl": airnotifier.url,
        "airnotifierport": str(airnotifier.port),
        "airnotifierappname": airnotifier.app_name,
        "airnotifieraccesskey": airnotifier.access_key.get_secret_value(),
        "airnotifierdeviceaccesskey": airnotifier.device_access_key.get_secret_value(),
    }
    _add(connection, config, [{"name": name, "value": value} for name, value in initial.items()])

    outputs = settings.default_outputs
    permitted = {str(name): str(permission) for name, permission in outputs.permitted.items()}
    plugin = {
        f"{name}_provider_{PROVIDER}_permitted": permitted.get(name, "permitted")
        for name in PROCESSORS
    }
    plugin[f"message_provider_{PROVIDER}_loggedin"] = ",".join(outputs.loggedin) or "none"
    plugin[f"message_provider_{PROVIDER}_loggedoff"] = ",".join(outputs.loggedoff) or "none"
    _add(
        connection,
        config_plugins,
        [{"plugin": "message", "name": name, "value": value} for name, value in plugin.items()],
    )
    _add(
        connection,
        message_processors,
        [
            {"name": name, "enabled": int(name != "airnotifier" or airnotifier.enabled)}
            for name in PROCESSORS
        ],
    )


def _add(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose names the table does not have."""
    present = set(connection.scalars(select(table.c.name)))
    missing = [row for row in rows if row["name"] not in present]
    if missing:
        connection.execute(insert(table), missing)
