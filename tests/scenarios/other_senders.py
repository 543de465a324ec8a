"""Senders that are not our gateway: what ours never says to a push service, said in a run.

A push service has settings that only such a sender meets. A scenario meets them with a gateway of
somebody else's.
"""

import asyncio
import contextlib
import json
import ssl
from typing import Any

from scenarios.engine.running.context import Context
from scenarios.engine.world.push_services import APNS_NAME, GCM_NAME


async def speak_garbage_to_apns(context: Context) -> None:
    """Bytes that are no frame, and what is answered until the connection ends."""
    await _ask(APNS_NAME, 2195, _as_the_gateway(context), b"GET / HTTP/1.1\r\n\r\n")


async def connect_twice_to_apns(context: Context) -> None:
    """Two connections at a time, as gateways with several processes have them."""
    await _connect_twice(APNS_NAME, 2195, _as_the_gateway(context))


async def connect_twice_to_gcm(context: Context) -> None:
    await _connect_twice(GCM_NAME, 443, context.deployment.world.ca.client_context())


async def begin_a_notification(context: Context) -> None:
    """The first byte of one, and nothing more for a while."""
    await _begin(APNS_NAME, 2195, _as_the_gateway(context), b"\1")


async def begin_a_request(context: Context) -> None:
    await _begin(GCM_NAME, 443, context.deployment.world.ca.client_context(), b"POST /gcm/send ")


async def send_with_badge_and_sound(context: Context) -> None:
    """A notification to the phone with all that one may have; an enhanced frame, command 1."""
    token = bytes.fromhex(context.population.apps["phone"].token or "")
    payload = b'{"aps":{"alert":"One","badge":3,"sound":"bell"},"id":"7"}'
    parts = (len(part).to_bytes(2, "big") + part for part in (token, payload))
    tls = _as_the_gateway(context)
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


def _as_the_gateway(context: Context) -> ssl.SSLContext:
    services = context.deployment.services
    return context.deployment.world.ca.client_context(services.certificate)


async def _connect_twice(name: str, port: int, tls: ssl.SSLContext) -> None:
    writers = [(await asyncio.open_connection(name, port, ssl=tls))[1]]
    with contextlib.suppress(ConnectionError):  # refused
        writers.append((await asyncio.open_connection(name, port, ssl=tls))[1])
    await asyncio.sleep(1)
    for writer in writers:
        writer.close()


async def _begin(name: str, port: int, tls: ssl.SSLContext, begun: bytes) -> None:
    _, writer = await asyncio.open_connection(name, port, ssl=tls)
    writer.write(begun)
    await asyncio.sleep(10)
    writer.close()


async def _ask(name: str, port: int, tls: Any, request: bytes, *, ends: bool = False) -> None:
    """Say it and hear the answer to its end, unless who says it `ends` the connection at once."""
    reader, writer = await asyncio.open_connection(name, port, ssl=tls)
    writer.write(request)
    if not ends:
        await reader.read()
    writer.close()
