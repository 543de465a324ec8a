"""The GCM HTTP provider of one application.

Source: Google, "GCM HTTP connection server": JSON by POST, `Authorization: key=...`, at most 1000
registration ids in a request. Waiting pushes that say the same (a broadcast) share requests.

A request that broke or timed out is made again, since nobody knows whether it was processed:
delivery is at least once. A server in trouble pauses the whole provider; a trouble with one
registration id delays that push alone. `Retry-After` makes either wait longer, never shorter than
the provider's own back-off. What cannot be sent before it expires is dropped then.
"""

import asyncio
import json
import ssl

import aiohttp

from server import clock
from server.airnotifier.backlog import CAPACITY
from server.airnotifier.backoff import Backoff
from server.airnotifier.departures import Departures
from server.airnotifier.outcomes import Outcomes
from server.airnotifier.providers.gcm.answers import (
    ASK_AGAIN,
    MAX_ANSWER,
    REMOVE_TOKEN,
    Answer,
    read_answer,
    retry_after,
)
from server.airnotifier.push import Push
from server.airnotifier.settings import AppSettings
from server.configuration_file import SettingsError
from server.http_client import client_session

MAX_REGISTRATION_IDS = 1000
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""There was no connection, so nobody has got the request."""
UNREADABLE = ("malformed_answer", "answer_too_long")
"""Answers that do not say what was done."""


class GcmService:
    """Sends the pushes of one lane with a bounded number of requests in flight."""

    def __init__(self, app: AppSettings, departures: Departures, outcomes: Outcomes) -> None:
        settings = app.gcm
        assert settings is not None
        self._name = app.name
        self._settings = settings
        self._departures = departures
        self._outcomes = outcomes
        self._backoff = Backoff(settings.backoff_initial, settings.backoff_max)
        self._requests: dict[asyncio.Task[None], None] = {}
        self._pause: asyncio.TimerHandle | None = None
        self._delays: dict[int, asyncio.TimerHandle] = {}
        self._delayed = 0  # pushes, which are in no backlog meanwhile
        self._closed = False
        try:
            tls = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"app {app.name}: the GCM ca_file cannot be used: {error}"
            ) from error
        self._session = client_session(
            aiohttp.ClientTimeout(total=settings.timeout),
            connector=aiohttp.TCPConnector(ssl=tls, limit=settings.concurrency),
            headers={
                "Authorization": f"key={settings.api_key.get_secret_value()}",
                "Content-Type": "application/json",
                "User-Agent": "AirNotifier",
                "Accept-Encoding": "identity",
            },
        )

    def wake(self) -> None:
        """Pushes arrived in the backlog, or there is room for a request."""
        while (
            len(self._requests) < self._settings.concurrency
            and self._pause is None
            and self._delayed < CAPACITY
            and not self._closed
        ):
            batch = self._next_batch()
            if not batch:
                break
            task = asyncio.get_running_loop().create_task(
                self._send(batch), name=f"airnotifier-gcm:{self._name}"
            )
            self._requests[task] = None
            task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Give requests in flight their time, then stop. What is still open stays in the outbox."""
        self._closed = True
        for timer in (*self._delays.values(), self._pause):
            if timer is not None:
                timer.cancel()
        if self._requests:
            await asyncio.wait(list(self._requests), timeout=self._settings.timeout)
        for task in (unanswered := list(self._requests)):
            task.cancel()  # what is still open is the next process's business
        if unanswered:
            await asyncio.wait(unanswered)
        await self._session.close()

    def _next_batch(self) -> list[Push]:
        """The first waiting push and those behind it that may share its request."""
        batch: dict[str, Push] = {}
        head: Push | None = None
        while room := MAX_REGISTRATION_IDS - len(batch):
            push = self._departures.peek(room)
            if push is None:
                break
            if head is None:
                head = push
            elif push.token in batch or not _same_message(head, push):
                break
            batch[push.token] = self._departures.pop()
        return list(batch.values())

    async def _send(self, batch: list[Push]) -> None:
        for push in batch:
            self._outcomes.dispatched(push, None, None)
        try:
            async with self._session.post(
                self._settings.url, data=request_body(batch, clock.now()), allow_redirects=False
            ) as response:
                answer = await _answer_to(batch, response)
                wanted = retry_after(
                    response.headers.get("Retry-After"), response.headers.get("Date")
                )
        except (aiohttp.ClientError, OSError) as error:
            in_doubt = not isinstance(error, NOT_SENT)
            self._wait_for_server(batch, type(error).__name__, 0.0, in_doubt=in_doubt)
            return
        if answer.kind == "later":
            in_doubt = answer.reason in UNREADABLE
            self._wait_for_server(batch, answer.reason, wanted, in_doubt=in_doubt)
        elif answer.kind == "refused":
            for push in batch:
                self._outcomes.rejected(push, answer.reason)
        else:
            self._backoff.reset()
            self._settle(batch, answer, wanted)

    def _settle(self, batch: list[Push], answer: Answer, wanted: float) -> None:
        again: dict[int, list[tuple[Push, str]]] = {}  # by attempt: who failed equally often
        for push, result in zip(batch, answer.results, strict=True):
            if result.error in ASK_AGAIN:
                again.setdefault(push.attempt, []).append((push, result.error))
            elif result.error is not None:
                self._rejected(push, result.error)
            else:
                self._outcomes.completed(push, result.message_id)
                if result.canonical not in (None, push.token):
                    self._outcomes.replaced(push, result.canonical)
        for attempt, failed in again.items():
            self._delay(failed, max(wanted, self._backoff.after(attempt)))

    def _rejected(self, push: Push, reason: str) -> None:
        if reason in REMOVE_TOKEN:
            prune = self._settings.prune_invalid_tokens
            self._departures.refuse(push, reason, prune=prune)
        else:
            self._outcomes.rejected(push, reason)

    def _delay(self, failed: list[tuple[Push, str]], delay: float) -> None:
        """Ask again for these, each with its reason, in `delay` seconds."""
        for push, reason in failed:
            self._outcomes.retry(push, reason, delay, in_doubt=False)
        pushes = [push for push, _ in failed]
        self._delayed += len(pushes)
        self._delays[pushes[0].id] = asyncio.get_running_loop().call_later(
            delay, self._put_back, pushes
        )

    def _put_back(self, pushes: list[Push]) -> None:
        del self._delays[pushes[0].id]
        self._delayed -= len(pushes)
        self._departures.put_back(pushes)
        self.wake()

    def _wait_for_server(
        self, batch: list[Push], reason: str, wanted: float, *, in_doubt: bool
    ) -> None:
        """Nothing is sent for a while: as long as our own back-off says, or longer if the server
        `wanted` that. Requests in flight may make the pause longer."""
        loop = asyncio.get_running_loop()
        if self._pause is None:
            delay = max(self._backoff.next(), wanted)
        else:
            delay = max(self._pause.when() - loop.time(), wanted)
        for push in batch:
            self._outcomes.retry(push, reason, delay, in_doubt=in_doubt)
        self._departures.put_back(batch)
        if self._closed:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._pause = loop.call_later(delay, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self.wake()

    def _finished(self, task: "asyncio.Task[None]") -> None:
        del self._requests[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a GCM request failed unexpectedly", "exception": error, "task": task}
            )
        self.wake()


async def _answer_to(batch: list[Push], response: aiohttp.ClientResponse) -> Answer:
    """Read what the server says, as far as it can be an answer."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            response.close()
            return Answer("later", "answer_too_long")
    return read_answer(response.status, bytes(body), len(batch))


def _same_message(one: Push, other: Push) -> bool:
    return (
        one.payload == other.payload
        and one.expires == other.expires
        and one.collapse_key == other.collapse_key
    )


def request_body(batch: list[Push], now: float) -> bytes:
    """The JSON of a request for pushes with the same message (their `payload` is JSON already)."""
    head = batch[0]
    ids = json.dumps([push.token for push in batch], separators=(",", ":"))
    collapse_key = (
        "" if head.collapse_key is None else f',"collapse_key":{json.dumps(head.collapse_key)}'
    )
    time_to_live = max(0, int(head.expires - now))
    return (
        f'{{"registration_ids":{ids},"data":{head.payload},"time_to_live":{time_to_live}'
        f"{collapse_key}}}"
    ).encode()
