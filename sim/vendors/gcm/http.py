"""The HTTP connection server: POST /gcm/send, and /fcm/send as it was called later.

Checks in this order: path (404), key (401), an outage that the settings ask for, content type,
then what `requests` and `sending` check.
"""

import time
from collections.abc import Sequence
from email.utils import formatdate
from random import Random

from sim.vendors.gcm.core import PushCore
from sim.vendors.gcm.http_messages import Request, Response, error_page
from sim.vendors.gcm.requests import BadRequest, read_form, read_json
from sim.vendors.gcm.sending import PLAIN_5XX, Refused, Sender, plain_answer
from sim.vendors.gcm.settings import Project
from sim.vendors.seams import token_ref

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

    def answer(self, request: Request) -> Response:
        """The response to a POST on one of SEND_PATHS."""
        response = self._answer(request)
        if response.status != 200:
            self._core.emit(
                "vendor.refused",
                peer=request.peer,
                status=response.status,
                retry_after=dict(response.headers).get("Retry-After"),
                token_refs=",".join(map(token_ref, self._ids(request))),
            )
        return response

    def _answer(self, request: Request) -> Response:
        self._core.statistics.requests += 1
        project = self._projects.get(request.header("authorization"))
        if project is None:
            return error_page(401)
        outage = self._core.settings.outage
        if outage is not None and self._happens(outage.share):
            self._core.overrides.note("outage")
            return self._refuse(outage.status, outage.retry_after)
        response = self._process(request, project)
        slow = self._core.settings.slow_answers
        if slow is not None and self._happens(slow.share):
            self._core.overrides.note("slow_answers")
            response.delay = slow.delay
        return response

    def _ids(self, request: Request) -> Sequence[str]:
        """For whom a request was, as far as it can be read."""
        try:
            if _is_json(request):
                return read_json(request.body, self._core.settings).registration_ids
            return read_form(request.body, self._core.settings).registration_ids
        except BadRequest:
            return ()

    def _process(self, request: Request, project: Project) -> Response:
        is_json = _is_json(request)
        if not is_json and _content_type(request) not in FORM_TYPES:
            return _plain(400, b"Content-Type must be application/json or a form")
        try:
            return self._send(request.body, project, request.peer, is_json=is_json)
        except BadRequest as error:
            return _plain(400, str(error).encode())

    def _send(self, body: bytes, project: Project, peer: str, *, is_json: bool) -> Response:
        settings = self._core.settings
        if is_json:
            wanted = read_json(body, settings)
            results = self._sender.send(wanted, project, peer)
            answer = self._sender.json_answer(results, dry_run=wanted.dry_run)
            return Response(200, JSON, answer)
        (result,) = self._sender.send(read_form(body, settings), project, peer)
        if isinstance(result, Refused) and result.error in PLAIN_5XX:
            return error_page(PLAIN_5XX[result.error])
        return _plain(200, plain_answer(result))

    def _happens(self, share: float) -> bool:
        return share == 1 or self._rng.random() < share

    def _refuse(self, status: int, retry_after: int | None) -> Response:
        if retry_after is None:
            return error_page(status)
        if self._core.settings.retry_after == "date":
            return error_page(
                status, (("Retry-After", formatdate(time.time() + retry_after, usegmt=True)),)
            )
        return error_page(status, (("Retry-After", str(retry_after)),))


FORM_TYPES = ("", "application/x-www-form-urlencoded")
"""Plain text is assumed when the header is missing (GCM, "HTTP connection server")."""

JSON = "application/json; charset=UTF-8"


def _content_type(request: Request) -> str:
    return request.header("content-type").partition(";")[0].strip().lower()


def _is_json(request: Request) -> bool:
    return _content_type(request) == "application/json"


def _plain(status: int, body: bytes) -> Response:
    return Response(status, "text/plain; charset=UTF-8", body)
