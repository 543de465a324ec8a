"""Switching one's phones on and off, `/message/output/airnotifier/rest.php`.

POST `id`, `field=enable`, `enable=0|1`, or `action=DELETE` with `id` (or HTTP DELETE); always
with `sesskey`. Answers with an empty body. In the original any user could change any phone; here a
phone of somebody else does not exist.
"""

from aiohttp import web

from server.moodle import devices
from server.moodle.errors import MoodleError
from server.moodle.phpinput import merged, scalar
from server.moodle.web.pages import Pages

PATH = "/message/output/airnotifier/rest.php"


class DeviceActions:
    """Serves the scripts of the preferences page."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._site = pages.site

    async def handle(self, request: web.Request) -> web.Response:
        """POST or DELETE."""
        visit = await self._pages.enter(request)
        variables = merged(visit.query, visit.form)
        device_id = scalar(variables, "id")
        # More digits than an id has would not fit the database's integers.
        if not (device_id.isascii() and device_id.isdigit() and len(device_id) <= 18):
            raise MoodleError("missingparam", "id")
        removing = request.method == "DELETE" or scalar(variables, "action") == "DELETE"
        await (self._remove if removing else self._enable)(
            visit.user.id, int(device_id), scalar(variables, "enable")
        )
        return web.Response(content_type="text/html")

    async def _enable(self, user_id: int, device_id: int, enable: str) -> None:
        if enable not in ("0", "1"):
            raise MoodleError("missingparam", "enable")
        enabled = enable == "1"
        run = self._site.database.run
        if not await run(devices.set_enabled, user_id, device_id, enabled):
            raise MoodleError("unknowndevice")
        self._site.log.event("device.enabled", device=device_id, user=user_id, enabled=enabled)

    async def _remove(self, user_id: int, device_id: int, _enable: str) -> None:
        if not await self._site.database.run(devices.remove, user_id, device_id):
            raise MoodleError("unknowndevice")
        self._site.log.event("device.removed", device=device_id, user=user_id)
