"""The HTTP connection server: POST /gcm/send, and /fcm/send as it was called later.

Checks in this order: path (404), key (401), an outage that the settings ask for, content type,
then what `requests` and `sending` check.
"""

import asyncio
import time
from email.utils import formatdate
from random import Random

from aiohttp import web

from sim.vendors.gcm.core import PushCore
from sim.vendors.gcm.requests import BadRequest, read_form, read_json
from sim.vendors.gcm.sending import PLAIN_5XX, Refused, Sender, plain_answer
from sim.vendors.gcm.settings import Project
from sim.vendors.seams import peer_name

SEND_PATHS = ("/gcm/send", "/fcm/send")


class SendEndpoint:
    """Answers send requests."""

    def __init__(self, core: PushCore, sender: Sender, rng: Random) -> None:
        self._core = core
        self._sender = sender
        self._rng = rng
        self._projects = {
            f"key={key}": project for project in core.settings.projects for key in project.api_keys
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """The response to a POST on one of SEND_PATHS."""
        self._core.statistics.requests += 1
        project = self._projects.get(request.headers.get("Authorization", ""))
        if project is None:
            return _html(401, "Unauthorized")
        outage = self._core.settings.outage
        if outage is not None and self._happens(outage.share):
            self._core.overrides.note("outage")
            return self._refuse(outage.status, outage.retry_after)
        response = await self._process(request, project)
        slow = self._core.settings.slow_answers
        if slow is not None and self._happens(slow.share):
            self._core.overrides.note("slow_answers")
            await asyncio.sleep(slow.delay)
        return response

    async def _process(self, request: web.BaseRequest, project: Project) -> web.Response:
        content_type, _, _ = request.headers.get("Content-Type", "").partition(";")
        is_json = content_type.strip().lower() == "application/json"
        if not is_json and content_type.strip().lower() not in FORM_TYPES:
            return _plain(400, b"Content-Type must be application/json or a form\n")
        try:
            body = await request.read()
            return self._send(body, project, _peer(request), is_json=is_json)
        except BadRequest as error:
            return _plain(400, f"{error}\n".encode())

    def _send(self, body: bytes, project: Project, peer: str, *, is_json: bool) -> web.Response:
        settings = self._core.settings
        if is_json:
            wanted = read_json(body, settings)
            results = self._sender.send(wanted, project, peer)
            answer = self._sender.json_answer(results, dry_run=wanted.dry_run)
            return web.Response(body=answer, headers=JSON_HEADERS)
        (result,) = self._sender.send(read_form(body, settings), project, peer)
        if isinstance(result, Refused) and result.error in PLAIN_5XX:
            return _html(PLAIN_5XX[result.error], "Error")
        return _plain(200, plain_answer(result))

    def _happens(self, share: float) -> bool:
        return share == 1 or self._rng.random() < share

    def _refuse(self, status: int, retry_after: int | None) -> web.Response:
        return _html(status, "Error", headers=self._retry_after(retry_after))

    def _retry_after(self, seconds: int | None) -> dict[str, str]:
        if seconds is None:
            return {}
        if self._core.settings.retry_after == "date":
            return {"Retry-After": formatdate(time.time() + seconds, usegmt=True)}
        return {"Retry-After": str(seconds)}


FORM_TYPES = ("", "application/x-www-form-urlencoded")
"""Plain text is assumed when the header is missing (GCM, "HTTP connection server")."""

JSON_HEADERS = {"Content-Type": "application/json; charset=UTF-8"}


def not_found() -> web.Response:
    """The answer on a path that is none of ours."""
    return _html(404, "Not Found")


def _html(status: int, title: str, headers: dict[str, str] | None = None) -> web.Response:
    text = f"<HTML>\n<HEAD>\n<TITLE>{title}</TITLE>\n</HEAD>\n<BODY>\n<H1>{title}</H1>\n"
    return web.Response(
        status=status,
        body=f"{text}<H2>Error {status}</H2>\n</BODY>\n</HTML>\n".encode(),
        headers={"Content-Type": "text/html; charset=UTF-8", **(headers or {})},
    )


def _plain(status: int, body: bytes) -> web.Response:
    headers = {"Content-Type": "text/plain; charset=UTF-8"}
    return web.Response(status=status, body=body, headers=headers)


def _peer(request: web.BaseRequest) -> str:
    transport = request.transport
    return peer_name(transport.get_extra_info("peername")) if transport is not None else ""
