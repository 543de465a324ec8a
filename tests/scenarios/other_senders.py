"""Senders that are not our gateway: what ours never says to a push service, said in a run.

A push service has settings that only such a sender meets. A scenario meets them with a gateway of
somebody else's.
"""

import asyncio
import json
from typing import Any

from scenarios.engine.running.context import Context
from scenarios.engine.world.push_services import APNS_NAME, GCM_NAME


async def speak_garbage_to_apns(context: Context) -> None:
    """Bytes that are no frame, and what is answered until the connection ends."""
    certificate = context.deployment.services.certificate
    tls = context.deployment.world.ca.client_context(certificate)
    await _ask(APNS_NAME, 2195, tls, b"GET / HTTP/1.1\r\n\r\n")


async def send_with_badge_and_sound(context: Context) -> None:
    """A notification to the phone with all that one may have; an enhanced frame, command 1."""
    token = bytes.fromhex(context.population.apps["phone"].token or "")
    payload = b'{"aps":{"alert":"One","badge":3,"sound":"bell"},"id":"7"}'
    parts = (len(part).to_bytes(2, "big") + part for part in (token, payload))
    tls = context.deployment.world.ca.client_context(context.deployment.services.certificate)
    head = b"\1" + bytes([0, 0, 0, 9]) + b"\x7f\xff\xff\xff"
    await _ask(APNS_NAME, 2195, tls, head + b"".join(parts), ends=True)


async def send_an_unknown_field(context: Context) -> None:
    await _post(context, colour="red")


async def send_without_time_to_live(context: Context) -> None:
    await _post(context)


async def send_with_two_collapse_keys(context: Context) -> None:
    for key in ("one", "two"):
        await _post(context, collapse_key=key)


async def _post(context: Context, **fields: Any) -> None:
    """A message to the tablet, with these fields of the request."""
    token = context.population.apps["tablet"].token
    body = json.dumps({"registration_ids": [token], "data": {"alert": "One"}, **fields})
    head = (
        f"POST /gcm/send HTTP/1.1\r\nHost: {GCM_NAME}\r\nConnection: close\r\n"
        f"Authorization: key={context.deployment.services.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    tls = context.deployment.world.ca.client_context()
    await _ask(GCM_NAME, 443, tls, (head + body).encode())


async def _ask(name: str, port: int, tls: Any, request: bytes, *, ends: bool = False) -> None:
    """Say it and hear the answer to its end, unless who says it `ends` the connection at once."""
    reader, writer = await asyncio.open_connection(name, port, ssl=tls)
    writer.write(request)
    if not ends:
        await reader.read()
    writer.close()
