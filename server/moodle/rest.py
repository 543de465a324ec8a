"""The REST server, `/webservice/rest/server.php`.

One call is one transaction: the token, the arguments and the function's work. Pushes are made after
the commit and before the answer, so that a slow gateway makes slow calls, as it does in Moodle.
"""

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from server import clock
from server.moodle import rest_format, tokens
from server.moodle.errors import MoodleError
from server.moodle.functions import FUNCTIONS
from server.moodle.functions.function import Call
from server.moodle.journal import Journal
from server.moodle.messaging.outputs.airnotifier import deliver
from server.moodle.messaging.send import Sent
from server.moodle.messaging.store import mark_read
from server.moodle.parameters import validate
from server.moodle.phpargs import PhpArray
from server.moodle.phpinput import merged, read_input, scalar
from server.moodle.site import Site

PATH = "/webservice/rest/server.php"

# Removed before the arguments are checked; the ones after the first three have no effect here.
_RESERVED = (
    "wstoken",
    "wsfunction",
    "moodlewsrestformat",
    "moodlewssettingraw",
    "moodlewssettingfileurl",
    "moodlewssettingfilter",
)


@dataclass(frozen=True, slots=True)
class _Done:
    result: Any
    sent: list[Sent]
    journal: Journal


class RestServer:
    """Serves function calls of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def handle(self, request: web.Request) -> web.Response:
        """GET or POST. Every error that Moodle knows is an answer with status 200."""
        site = self._site
        if not site.configuration.flag("enablewebservices"):
            return web.Response(content_type="text/html")
        arguments = merged(*await read_input(request, site.settings.max_input_vars))
        token, name, wanted = (scalar(arguments, reserved) for reserved in _RESERVED[:3])
        for reserved in _RESERVED:
            arguments.pop(reserved, None)
        json = wanted == "json"
        try:
            done = await site.database.run(self._call, token, name, arguments)
        except MoodleError as problem:
            return rest_format.error(problem, json=json)
        except SQLAlchemyError as problem:
            function = name if name in FUNCTIONS else None
            site.log.trouble("database.failed", function=function, error=type(problem).__name__)
            return rest_format.error(MoodleError("dmlwriteexception"), json=json)
        if isinstance(done, MoodleError):
            return rest_format.error(done, json=json)
        done.journal.write(site.log)
        if done.sent:
            await self._finish(done.sent)
        return rest_format.answer(done.result, json=json)

    def _call(
        self, connection: Connection, token: str, name: str, arguments: PhpArray
    ) -> _Done | MoodleError:
        now = int(clock.now())
        user = tokens.authenticate(connection, token, now)
        if isinstance(user, MoodleError):
            return user
        if not name:
            raise MoodleError("invalidparameter", detail="no function name")
        function = FUNCTIONS.get(name)
        if function is None:
            raise MoodleError("invalidrecord", "external_functions")
        if not function.mobile:
            raise MoodleError("accessexception")
        valid = validate(function.parameters, arguments)
        call = Call(self._site, connection, user, now, Journal(), FUNCTIONS)
        return _Done(function.run(call, valid), call.sent, call.journal)

    async def _finish(self, sent: list[Sent]) -> None:
        site = self._site
        for item in sent:
            if item.pushes:
                await deliver(item.pushes, site.configuration, site.log)
        read = [item.id for item in sent if item.read_after]
        if not read:
            return
        try:
            await site.database.run(mark_read, read, int(clock.now()))
        except SQLAlchemyError as problem:
            # They have been sent all the same: who is told otherwise would send them again.
            site.log.trouble("database.failed", error=type(problem).__name__)
