"""The site's HTTP client towards its AirNotifier gateway.

As Moodle's cURL wrapper, which makes a handle for each request and closes it afterwards: a
connection of its own for each, 30 seconds to connect and no limit after that, redirects are not
followed (2.4, 2.5), proxies and cookies not used.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from server.http_client import client_session
from server.moodle import multipart
from server.moodle.configuration import Configuration
from server.moodle.gateway_words import refusal

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30)
_LONGEST_ANSWER = 65536
"""Bytes of an answer that are read, for the gateway's words and so as not to cut it off."""
_PRIVATE = (b"alert", b"token", b"userfrom", b"urlparams")
"""Fields whose values a log must not have. A gateway may repeat them."""

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
    """Why the gateway refused, in words that may be logged; None if it did not."""

    def identifier(self, name: str) -> str | None:
        """The value of a header, if it can be an identifier."""
        value = self.headers.get(name, "")
        return value if _IDENTIFIER.fullmatch(value) else None


async def post(
    configuration: Configuration, path: str, fields: Sequence[tuple[bytes, bytes]]
) -> Reply:
    """POST a form with the site's key to the gateway that the settings name now.

    Never raises for what the network or gateway does.
    """
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
    begun = ""
    try:
        # Joined just like this: a slash or port at the end of the setting breaks the address.
        url = _url(f"{values['airnotifierurl']}:{values['airnotifierport']}{path}")
        async with (
            # Closed with its connection. A connector that is told to close would say so in a
            # header, which libcurl does not send.
            client_session(_TIMEOUT) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            begun = f" after status {response.status}"
            answer = await _beginning(response)
            private = [values["airnotifieraccesskey"], *_private(fields)]
            why = refusal(response.status, response.headers, answer, private)
            return Reply(response.status, response.headers, refusal=why)
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
        return Reply(0, error=type(error).__name__ + begun)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The body, or the first `_LONGEST_ANSWER` bytes of it."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) >= _LONGEST_ANSWER:
            break
    return bytes(body[:_LONGEST_ANSWER])


def _private(fields: Sequence[tuple[bytes, bytes]]) -> list[str]:
    return [value.decode("utf-8", "replace") for name, value in fields if name in _PRIVATE]
