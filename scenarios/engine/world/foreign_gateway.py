"""A gateway that somebody else runs: whether it answers, and registering tokens there."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Final

from scenarios.engine.world.stage import ForeignGateway

TIMEOUT: Final = 10.0
"""Wall seconds for one request."""

REFUSALS: Final = (400, 401, 403)
"""Statuses with which an AirNotifier answers a key that it does not know, or one that may not. That
of 2013 answers 200, and says so in the body only."""

TAKEN: Final = ("ok", "token exists")
"""What it answers to a token that it registered."""

_LONGEST_ANSWER: Final = 65_536

KEYS_HINT: Final = (
    "keys follow from the seed: run with the seed the gateway was set up with, or name keys by"
    " AIRBED_GATEWAY_APP_KEY / AIRBED_GATEWAY_SITE_KEY"
)

_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Without the proxies that the environment may name: gateways under test are near."""


def refuses(status: int | None, *, said: bool) -> bool:
    """Whether an answer may be about the key. `said`: its body tells of an error."""
    return status in REFUSALS or (status == 200 and said)


class GatewayUnreachable(Exception):
    """The gateway does not answer, or not as one does; the text says what happened."""


def make_sure_it_answers(gateway: ForeignGateway) -> None:
    """Ask for its front page: any answer by HTTP will do. Raises GatewayUnreachable."""
    try:
        _OPENER.open(gateway.url + "/", timeout=TIMEOUT).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise GatewayUnreachable(
            f"the gateway at {gateway.url} does not answer: {reason}\n"
            "  start it, or correct the address given with --gateway"
        ) from error


def register(
    gateway: ForeignGateway,
    key: str,
    app: str,
    registrations: Sequence[tuple[str, str, Sequence[str]]],
) -> None:
    """Register tokens as phones would: (token, device, channels). Raises GatewayUnreachable."""
    for token, device, channels in registrations:
        for channel in channels:
            fields = {"token": token, "device": device, "channel": channel}
            request = urllib.request.Request(
                f"{gateway.url}/tokens/{urllib.parse.quote(token, safe='')}",
                data=urllib.parse.urlencode(fields).encode(),
                headers={"X-AN-APP-NAME": app, "X-AN-APP-KEY": key},
                method="POST",
            )
            try:
                with _OPENER.open(request, timeout=TIMEOUT) as reply:
                    words = _error(reply.read(_LONGEST_ANSWER))
            except urllib.error.HTTPError as answer:
                answer.close()
                hint = f"\n  {KEYS_HINT}" if answer.code in REFUSALS else ""
                raise GatewayUnreachable(
                    f"the gateway at {gateway.url} does not register tokens: status {answer.code}"
                    + hint
                ) from answer
            except (OSError, http.client.HTTPException) as error:
                raise GatewayUnreachable(
                    f"the gateway at {gateway.url} does not answer: {error}"
                ) from error
            if words is not None:
                raise GatewayUnreachable(
                    f"the gateway at {gateway.url} does not register tokens: {words}\n  {KEYS_HINT}"
                )


def _error(body: bytes) -> str | None:
    """What an answer with status 200 has for an error; None without one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or "error" not in document:
        return None
    return repr(document["error"])[:200]
