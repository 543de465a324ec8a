"""The storms of the swarm hold, and they would notice: with a mistake put into the servers some of
a few seeds fail, each with what it breaks.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from scenarios.engine.format.loader import load
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from scenarios.engine.shipped import SHIPPED
from server.airnotifier import outbox
from server.airnotifier.backlog import Backlog
from server.airnotifier.gateway import Gateway
from server.airnotifier.providers.apns.link import Link
from server.airnotifier.providers.apns.window import Window
from server.airnotifier.providers.gcm.provider import GcmService
from server.airnotifier.push import Push
from server.moodle import rest

TEN_STEPS = "ten_steps_storm"
BAD_TOKENS = "invalid_token_storm"


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


def failures(storm: str, seeds: list[int], runs: Path) -> list[str]:
    """The first failure of each run that has any."""
    file = load(SHIPPED / f"swarm/{storm}.yaml")
    results = [
        Runner(runs, Silent()).run(file, cell, seed) for seed in seeds for cell in file.cells
    ]
    return [result.failures[0].plain for result in results if result.failures]


Patch = pytest.MonkeyPatch


def forgets_its_outbox_at_boot(patch: Patch) -> None:
    def start(self: Backlog) -> None:
        self._more_stored = False

    patch.setattr(Backlog, "start", start)


def does_not_send_again_what_followed_a_bad_token(patch: Patch) -> None:
    send_again = Link._send_again

    def forget(
        self: Link, pushes: list[Push], reason: str, delay: float, *, in_doubt: bool
    ) -> None:
        if reason == "invalid_token":
            for push in pushes:
                self._outcomes.completed(push)
            pushes = []
        send_again(self, pushes, reason, delay, in_doubt=in_doubt)

    patch.setattr(Link, "_send_again", forget)


def answers_before_it_has_committed(patch: Patch) -> None:
    accept_push = Gateway.accept_push
    committing: list[asyncio.Task[None]] = []

    async def commit(gateway: Gateway, push: Push) -> None:
        await gateway._writer.run(lambda connection: outbox._store_again(connection, [push]))

    async def answer_first(self: Gateway, *arguments: Any, **named: Any) -> Push:
        push = await accept_push(self, *arguments, **named)
        forget = delete(outbox.outbox).where(outbox.outbox.c.id == push.id)
        await self._writer.run(lambda connection: connection.execute(forget))
        loop = asyncio.get_running_loop()

        loop.call_later(0.05, lambda: committing.append(loop.create_task(commit(self, push))))
        return push

    patch.setattr(Gateway, "accept_push", answer_first)


def forgets_what_silence_confirmed(patch: Patch) -> None:
    confirm = Window.confirm

    def forget(self: Window, end: int) -> list[Push]:
        confirmed = confirm(self, end)
        self._confirmed.clear()
        return confirmed

    patch.setattr(Window, "confirm", forget)


def takes_its_time_to_write_down_what_is_done(patch: Patch) -> None:
    patch.setattr(outbox, "WRITE_DELAY", 3.0)


def takes_an_outage_of_gcm_for_consent(patch: Patch) -> None:
    wait = GcmService._wait_for_server

    def consent(
        self: GcmService, batch: list[Push], reason: str, wanted: float, *, in_doubt: bool
    ) -> None:
        if reason == "http_503":
            for push in batch:
                self._outcomes.completed(push)
            batch = []
        wait(self, batch, reason, wanted, in_doubt=in_doubt)

    patch.setattr(GcmService, "_wait_for_server", consent)


def site_leaves_a_phone_out(patch: Patch) -> None:
    deliver = rest.deliver

    async def leave_one_out(pushes: list[Any], *rest_of: Any) -> None:
        if pushes[0].message % 50 != 7:
            await deliver(pushes, *rest_of)

    patch.setattr(rest, "deliver", leave_one_out)


@pytest.mark.parametrize(
    ("mistake", "storm", "seeds", "noticed"),
    [
        (forgets_its_outbox_at_boot, BAD_TOKENS, [1], "still on their way"),
        (does_not_send_again_what_followed_a_bad_token, BAD_TOKENS, [1], "no_needless_loss"),
        (answers_before_it_has_committed, BAD_TOKENS, [2], "still on their way"),
        (forgets_what_silence_confirmed, BAD_TOKENS, [61], "no_needless_loss"),
        (takes_its_time_to_write_down_what_is_done, BAD_TOKENS, [13], "no_needless_duplicate"),
        (takes_an_outage_of_gcm_for_consent, BAD_TOKENS, [2], "no_needless_loss"),
        (site_leaves_a_phone_out, BAD_TOKENS, [1], "no_needless_loss"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_the_storms_notice_a_server_that(
    mistake: Callable[[Patch], None],
    storm: str,
    seeds: list[int],
    noticed: str,
    tmp_path: Path,
    monkeypatch: Patch,
) -> None:
    mistake(monkeypatch)
    found = failures(storm, seeds, tmp_path)
    assert found
    assert any(noticed in failure for failure in found), found


# Seed 1 of both is run with the other shipped scenarios.
@pytest.mark.parametrize(("storm", "seeds"), [(BAD_TOKENS, [2, 5, 111]), (TEN_STEPS, [2])])
def test_the_servers_as_they_are_come_through(storm: str, seeds: list[int], tmp_path: Path) -> None:
    assert failures(storm, seeds, tmp_path) == []
