"""Google's HTTP connection server as AirNotifier asked it: one request for all registration ids,
waited for without a limit and never repeated. The first error of an answer is the error of all.
"""

import ssl
from typing import Any

import aiohttp

LIFETIME = 3600
"""`time_to_live`, seconds."""

TEXTS = {
    "NotRegistered": "Not Registered",
    "InvalidRegistration": "Invalid Registration",
    "MismatchSenderId": "Mismatch sender Id",
    "MissingRegistration": "Missing registration",
    "MessageTooBig": "Message too big",
    "InvalidDataKey": "Invalid data key",
    "InvalidTtl": "Invalid Ttl",
    "InvalidPackageName": "Invalid package name",
}
UNKNOWN = "Unknown error, contact admin"
STATUSES = {400: "Request could not be parsed as JSON", 401: "Error authenticating with GCM"}


class Refused(Exception):
    """GCM took it not, or not for all; `tokens` are those that have no phone any more."""

    def __init__(self, text: str, tokens: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.tokens = tokens


class Gcm:
    """Sends with one API key."""

    def __init__(self, url: str, key: str, ca: str) -> None:
        self._url = url
        self._key = key
        self._tls = ssl.create_default_context(cafile=ca)

    async def send(self, tokens: list[str], data: dict[str, Any], collapse_key: str | None) -> None:
        """Raises Refused; aiohttp.ClientError if nobody answers."""
        body: dict[str, Any] = {"registration_ids": tokens, "data": data}
        body["time_to_live"] = LIFETIME
        if collapse_key:
            body["collapse_key"] = collapse_key
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"Authorization": f"key={self._key}"},
            ) as session,
            session.post(self._url, json=body, allow_redirects=False) as reply,
        ):
            if reply.status != 200:
                raise Refused(STATUSES.get(reply.status, "GCM is temporarily unavailable"))
            results = (await reply.json())["results"]
        both = zip(tokens, results, strict=True)
        errors = [(token, one["error"]) for token, one in both if "error" in one]
        if errors:
            first = errors[0][1]
            of_it = tuple(token for token, error in errors if error == first)
            raise Refused(TEXTS.get(first, UNKNOWN), of_it)
