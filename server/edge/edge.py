"""What an application tells the connections that serve it: its limits, and its error answers."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from server.addresses import IpNetwork
from server.logs import EventLog
from server.settings import HttpLimits


@dataclass(frozen=True, slots=True)
class Edge:
    """The error answers of a server, and what its peers may take."""

    server: str
    """The value of the header `Server` in every answer."""
    refuse: Callable[[int], web.Response]
    """An answer with this status (400 and above) where no handler has one."""
    limits: HttpLimits
    trusted_proxies: tuple[IpNetwork, ...]
    log: EventLog
    descriptors: int
    """Files and connections that the server itself may have open."""
    descriptors_per_request: int = 0
    """The same, for each request in progress."""

    def install(self, app: web.Application) -> None:
        """Let an application be served behind this edge, and name the server in its answers."""

        async def name_the_server(_: web.BaseRequest, response: web.StreamResponse) -> None:
            response.headers["Server"] = self.server

        app[EDGE] = self
        app.on_response_prepare.append(name_the_server)

    def refusal(self, status: int) -> web.Response:
        """As `refuse`, for answers that do not pass through the application."""
        response = self.refuse(status)
        response.headers["Server"] = self.server
        return response


EDGE = web.AppKey("EDGE", Edge)
