"""A message to all phones of the site, `/message/output/airnotifier/broadcast.php`.

No Moodle ever had this page. It is the idea of the design of 2013: one request to the gateway with
md5(wwwroot) as the channel, which is the one that the site's phones subscribe to.
"""

import hashlib

from aiohttp import web

from server.moodle import gateway_client
from server.moodle.errors import MoodleError
from server.moodle.phpinput import scalar
from server.moodle.web.pages import Pages

PATH = "/message/output/airnotifier/broadcast.php"
GATEWAY_PATH = "/broadcast/"


def default_channel(wwwroot: str) -> str:
    """The channel of a site's phones: md5 of its address, in hexadecimal."""
    return hashlib.md5(wwwroot.encode(), usedforsecurity=False).hexdigest()


class BroadcastPage:
    """For administrators, with the field `alert`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._site = pages.site

    async def form(self, request: web.Request) -> web.Response:
        """An empty form."""
        visit = await self._pages.enter(request, admin=True)
        return self._pages.html("broadcast.html", (visit.user, visit.sesskey), result=None)

    async def send(self, request: web.Request) -> web.Response:
        """Ask the gateway, and show what it answered."""
        visit = await self._pages.enter(request, admin=True)
        alert = scalar(visit.form, "alert").strip()
        if not alert:
            raise MoodleError("missingparam", "alert")
        site = self._site
        if not site.configuration.ready("airnotifier"):
            result = "Mobile notifications are not configured. Nothing was sent."
        else:
            channel = default_channel(site.settings.wwwroot)
            reply = await gateway_client.post(
                site.configuration,
                GATEWAY_PATH,
                [
                    (b"channel", channel.encode()),
                    (b"alert", alert.encode("utf-8", "surrogateescape")),
                ],
            )
            site.log.event(
                "broadcast.requested",
                channel=channel,
                status=reply.status,
                refused=reply.refusal is not None,
                answer=reply.refusal,
                gateway_broadcast=reply.identifier("X-AN-Broadcast-Id"),
                error=reply.error,
            )
            if not reply.status:
                result = "The gateway could not be reached. Nothing is known to be sent."
            elif reply.refusal is None:
                result = "The gateway accepted the message."
            else:
                words = reply.refusal
                result = f"The gateway refused the message with status {reply.status}: {words}"
        return self._pages.html("broadcast.html", (visit.user, visit.sesskey), result=result)
