"""The messaging preferences of a user, `/message/edit.php`.

Field names are Moodle's: `moodle_instantmessage_loggedin[airnotifier]` is ticked or absent, the
same for `_loggedoff`, and `disableall`. Saving writes both preferences from what is ticked, `none`
if nothing is. Outputs that the administrator forces or forbids are shown but cannot be changed.
"""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, update

from server.moodle.accounts import User, get_preferences, set_preference
from server.moodle.configuration import (
    PROCESSORS,
    PROVIDER,
    STATES,
    Configuration,
    split_outputs,
)
from server.moodle.devices import Device, devices_of
from server.moodle.journal import Journal
from server.moodle.messaging.choosing import preference_name
from server.moodle.phpargs import PhpArray
from server.moodle.phpinput import scalar
from server.moodle.tables import users
from server.moodle.web.pages import Pages

PATH = "/message/edit.php"

_LABELS = {"popup": "Popup notification", "email": "Email", "airnotifier": "Mobile notifications"}
_STATE_LABELS = {"loggedin": "When I'm logged in", "loggedoff": "When I'm offline"}


@dataclass(frozen=True, slots=True)
class Box:
    """One tick box of the form."""

    field: str
    label: str
    ticked: bool
    locked: bool


class PreferencesPage:
    """Shows and saves one's own preferences."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._site = pages.site

    async def form(self, request: web.Request) -> web.Response:
        """The form and the list of one's phones."""
        visit = await self._pages.enter(request)
        configuration = self._site.configuration
        rows, devices = await self._site.database.run(_read, visit.user, configuration)
        return self._pages.html(
            "preferences.html",
            (visit.user, visit.sesskey),
            outputs=[(name, _LABELS[name]) for name in PROCESSORS if configuration.ready(name)],
            rows=rows,
            devices=devices,
            phones=configuration.ready("airnotifier"),
            saved=scalar(visit.query, "saved") == "1",
        )

    async def save(self, request: web.Request) -> web.Response:
        """Save what is ticked and show the form again."""
        visit = await self._pages.enter(request)
        journal = await self._site.database.run(
            _save, visit.user, visit.form, self._site.configuration
        )
        journal.write(self._site.log)
        raise self._pages.redirect(f"{PATH}?saved=1")


def _read(
    connection: Connection, user: User, configuration: Configuration
) -> tuple[list[tuple[str, list[Box]]], list[Device]]:
    preferences = get_preferences(connection, user.id)
    rows = []
    for state in STATES:
        stored = preferences.get(preference_name(state), "")
        chosen = split_outputs(stored) if stored else configuration.defaults[state]
        boxes = []
        for name in PROCESSORS:
            if configuration.ready(name):
                permission = configuration.permissions.get(name, "permitted")
                boxes.append(
                    Box(
                        field=f"{PROVIDER}_{state}[{name}]",
                        label=_LABELS[name],
                        ticked=permission == "forced"
                        or (permission == "permitted" and name in chosen),
                        locked=permission != "permitted",
                    )
                )
        rows.append((_STATE_LABELS[state], boxes))
    return rows, devices_of(connection, user.id, configuration.values["airnotifierappname"])


def _save(
    connection: Connection, user: User, form: PhpArray, configuration: Configuration
) -> Journal:
    journal = Journal()
    for state in STATES:
        ticked = form.get(f"{PROVIDER}_{state}")
        names = ticked if isinstance(ticked, PhpArray) else PhpArray()
        chosen = [
            name
            for name in PROCESSORS
            if name in names and configuration.permissions.get(name) == "permitted"
        ]
        name, value = preference_name(state), ",".join(chosen) or "none"
        if set_preference(connection, user.id, name, value):
            journal.note("preference.changed", user=user.id, name=name, value=value)
    stop = int(bool(scalar(form, "disableall")))
    if stop != user.emailstop:
        connection.execute(update(users).where(users.c.id == user.id).values(emailstop=stop))
        journal.note("preference.changed", user=user.id, name="emailstop", value=str(stop))
    return journal
