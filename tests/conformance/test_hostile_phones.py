"""No phone can harm the push services, in a simulated world and on real sockets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance import hostile_phones as phones
from tests.conformance.stage import Arm, Stage, live, simulated

EXAMPLES = [(simulated, 60), (live, 15)]
FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def unheard(
    arm: Arm, check: Callable[[Stage], Awaitable[None]], path: Path, log: pytest.LogCaptureFixture
) -> None:
    """Run a check, in which nothing may be logged and nothing may reach the loop."""
    listening = phones.Listening()

    async def listened_to(stage: Stage) -> None:
        asyncio.get_running_loop().set_exception_handler(listening)
        await check(stage)

    with log.at_level(logging.DEBUG):
        logging.getLogger("asyncio").setLevel(logging.INFO)  # which loop it is, it says at DEBUG
        log.clear()
        arm(listened_to, path)
    assert listening.told == []
    assert [record.getMessage() for record in log.records] == []


@pytest.mark.parametrize(("arm", "examples"), EXAMPLES, ids=["simulated", "live"])
def test_what_phones_say_on_mtalk_harms_nobody(
    arm: Arm, examples: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=FIXTURES)
    @given(
        st.lists(phones.MCS_STREAMS, max_size=8),
        st.lists(phones.MCS_SENTENCES, max_size=8),
        st.lists(phones.MCS_LOGINS, max_size=8),
    )
    def test(streams: list[bytes], sentences: list[bytes], logins: list[tuple[bytes, ...]]) -> None:
        async def check(stage: Stage) -> None:
            await phones.phones_cannot_harm_mtalk(stage, streams, sentences, logins)

        unheard(arm, check, tmp_path, caplog)

    test()


@pytest.mark.parametrize(("arm", "examples"), EXAMPLES, ids=["simulated", "live"])
def test_what_phones_say_to_the_courier_harms_nobody(
    arm: Arm, examples: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=FIXTURES)
    @given(
        st.lists(phones.COURIER_STREAMS, max_size=8), st.lists(phones.COURIER_STREAMS, max_size=8)
    )
    def test(streams: list[bytes], sentences: list[bytes]) -> None:
        async def check(stage: Stage) -> None:
            await phones.phones_cannot_harm_the_courier(stage, streams, sentences)

        unheard(arm, check, tmp_path, caplog)

    test()
