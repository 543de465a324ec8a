"""The site's HTTP client towards its AirNotifier gateway.

As Moodle 2.5's cURL wrapper: 30 seconds to connect and no limit after that, redirects are not
followed, proxies and cookies not used. Different from it: connections are kept for a few seconds
instead of being opened for every request.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from server.moodle import multipart
from server.moodle.configuration import Configuration

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30)
_LONGEST_ANSWER = 65536
"""Bytes of an answer that are read: to keep its connection, and for the gateway's words."""
_LONGEST_REFUSAL = 200
"""Characters of a gateway's words that are kept."""

_IDENTIFIER = re.compile("[!-~]{1,64}")
"""What the gateway calls a push or broadcast of ours: for the log, and for nothing else."""

_url = functools.lru_cache(maxsize=16)(URL)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Status 0 and an error name if nothing did."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    refusal: str | None = None
    """The gateway's words if it refused, empty if it had none. In 2013 it did so with status 200.
    They may repeat anything, so they are not for logs."""

    def identifier(self, name: str) -> str | None:
        """The value of a header, if it can be an identifier."""
        value = self.headers.get(name, "")
        return value if _IDENTIFIER.fullmatch(value) else None


class GatewayClient:
    """Posts forms to the gateway that the settings name at the time of each request."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Prepare for requests; to be called on the running loop."""
        self._session = aiohttp.ClientSession(
            # Each request in progress at the site may need one connection.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=_TIMEOUT,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def post(
        self, configuration: Configuration, path: str, fields: Sequence[tuple[bytes, bytes]]
    ) -> Reply:
        """POST a form with the site's key. Never raises for what the network or gateway does."""
        assert self._session is not None, "the site has not been started"
        values = configuration.values
        content_type, body = multipart.encode(fields)
        headers = {  # in the order of libcurl, behind Host
            "User-Agent": "MoodleBot/1.0",
            "Accept-Encoding": "deflate, gzip",
            "Accept": "application/json",
            "X-AN-APP-NAME": values["airnotifierappname"],
            "X-AN-APP-KEY": values["airnotifieraccesskey"],
            "Content-Length": str(len(body)),
            "Content-Type": content_type,
        }
        try:
            # Joined just like this: a slash or port at the end of the setting breaks the address.
            url = _url(f"{values['airnotifierurl']}:{values['airnotifierport']}{path}")
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                length, body = response.content_length, b""
                if length is not None and length <= _LONGEST_ANSWER:
                    body = await response.read()
                else:
                    response.close()
                refusal = _refusal(response.status, body)
                return Reply(response.status, response.headers, refusal=refusal)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            return Reply(0, error=type(error).__name__)


def _refusal(status: int, body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and "error" in document:
        words = document["error"]
        return words[:_LONGEST_REFUSAL] if isinstance(words, str) else ""
    return None if 200 <= status < 300 else ""
