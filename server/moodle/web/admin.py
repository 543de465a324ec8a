"""The administrator's pages: the AirNotifier settings and the list of outputs.

`/admin/settings.php?section=messagesettingairnotifier` has Moodle's field names, `s__` and the name
of the setting. `/admin/message.php` switches an output with `enable` or `disable` and its id.
"""

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy import Connection

from server.moodle import configuration
from server.moodle.configuration import AIRNOTIFIER_SETTINGS, PROCESSORS
from server.moodle.errors import MoodleError
from server.moodle.gateway_settings import complaint
from server.moodle.phpargs import PhpArray
from server.moodle.phpinput import scalar
from server.moodle.web.pages import Pages, Visit

SETTINGS_PATH = "/admin/settings.php"
OUTPUTS_PATH = "/admin/message.php"
SECTION = "messagesettingairnotifier"

_LABELS = {
    "airnotifierurl": ("AirNotifier URL", "The server to send pushes to, without port and path."),
    "airnotifierport": ("AirNotifier port", "The port of that server."),
    "airnotifierappname": ("AirNotifier app name", "The name of the app at that server."),
    "airnotifieraccesskey": ("AirNotifier access key", "Sends pushes and broadcasts."),
    "airnotifierdeviceaccesskey": (
        "AirNotifier device access key",
        "Handed out to phones, which register their tokens with it.",
    ),
}


class AdminPages:
    """Pages for administrators only."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._site = pages.site

    async def settings(self, request: web.Request) -> web.Response:
        """The settings form; a POST saves it if every value is acceptable."""
        visit = await self._pages.enter(request, admin=True)
        section = scalar(visit.query, "section") or scalar(visit.form, "section")
        if section != SECTION:
            raise MoodleError("missingparam", "section")
        values = dict(self._site.configuration.values)
        if request.method == "GET":
            return self._settings_page(visit, values, {})
        given = {
            name: scalar(visit.form, f"s__{name}").strip()
            for name in AIRNOTIFIER_SETTINGS
            if f"s__{name}" in visit.form
        }
        errors = {name: text for name in given if (text := complaint(name, given[name]))}
        if errors:
            return self._settings_page(visit, {**values, **given}, errors)
        changed = {name: value for name, value in given.items() if value != values.get(name)}
        await self._site.database.run(_store_all, changed)
        await self._site.reload()
        for name in changed:
            self._site.log.event("setting.changed", user=visit.user.id, name=name)
        raise self._pages.redirect(f"{SETTINGS_PATH}?section={SECTION}&saved=1")

    def _settings_page(
        self, visit: Visit, values: Mapping[str, str], errors: Mapping[str, str]
    ) -> web.Response:
        return self._pages.html(
            "admin_airnotifier.html",
            (visit.user, visit.sesskey),
            fields=[
                (f"s__{name}", *_LABELS[name], values.get(name, ""), errors.get(name, ""))
                for name in AIRNOTIFIER_SETTINGS
            ],
            saved=scalar(visit.query, "saved") == "1",
        )

    async def outputs(self, request: web.Request) -> web.Response:
        """The list of outputs; a POST switches one."""
        visit = await self._pages.enter(request, admin=True)
        if request.method == "POST":
            processor_id, enabled = _switch(visit.form)
            switched = await self._site.database.run(
                configuration.switch_processor, processor_id, enabled
            )
            if not switched:
                raise MoodleError("invalidrecord", "message_processors")
            await self._site.reload()
            raise self._pages.redirect(OUTPUTS_PATH)
        state = self._site.configuration
        rows = [
            (name, *state.processors[name], state.ready(name))
            for name in PROCESSORS
            if name in state.processors
        ]
        return self._pages.html("admin_outputs.html", (visit.user, visit.sesskey), outputs=rows)


def _switch(form: PhpArray) -> tuple[int, bool]:
    for field, enabled in (("enable", True), ("disable", False)):
        value = scalar(form, field)
        if value.isascii() and value.isdigit() and len(value) <= 18:
            return int(value), enabled
    raise MoodleError("missingparam", "enable")


def _store_all(connection: Connection, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        configuration.store(connection, name, value)
