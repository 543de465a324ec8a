"""How long a push waits for its confirmation: the silence, and one step of looking at most."""

import asyncio
import logging
from pathlib import Path
from random import Random

import pytest

from server.airnotifier.providers.apns.link import CONFIRMATION_STEPS
from sim.net.links import Link
from tests.server.airnotifier.support import apns_token, gateway_bench

TOKENS = [apns_token(number) for number in range(100)]
CONFIRM_AFTER = 5.0
STEP = CONFIRM_AFTER / CONFIRMATION_STEPS


class Times(logging.Handler):
    """When pushes were written and confirmed, in calendar time."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[int, float] = {}
        self.confirmed: dict[int, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        event, fields = record.event, record.fields  # type: ignore[attr-defined]
        times = {"push.dispatched": self.written, "push.completed": self.confirmed}.get(event)
        if times is not None:
            times[fields["push"]] = record.created

    @property
    def waits(self) -> list[float]:
        """Seconds from writing to confirmation."""
        assert list(self.confirmed) == list(self.written)
        return [self.confirmed[push] - written for push, written in self.written.items()]


def waits(path: Path, gaps: list[float], latency: float) -> list[float]:
    """Of pushes that come with these gaps (seconds), over a path with this latency (seconds)."""
    times = Times()
    logger = logging.getLogger("airnotifier")
    logger.addHandler(times)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        with gateway_bench(path, apns={"confirm_after": CONFIRM_AFTER}) as bench:
            bench.apns_host.link = Link(latency=latency)

            async def main() -> None:
                for token in TOKENS:
                    await bench.register(token)
                for number, gap in enumerate(gaps):
                    await bench.push(TOKENS[number % len(TOKENS)])
                    await asyncio.sleep(gap)
                await asyncio.sleep(3 * CONFIRM_AFTER)

            bench.run(main)
    finally:
        logger.setLevel(level)
        logger.removeHandler(times)
    return times.waits


def paces() -> dict[str, list[float]]:
    rng = Random(1)
    return {
        "every 20 ms": [0.02] * 250,
        "every 100 ms": [0.1] * 100,
        "every 2 s": [2.0] * 8,
        "one, and another when the first is nearly confirmed": [4.9, 0.2, 6.0, 5.0, 5.2, 1.0],
        "at any time": [rng.expovariate(1.0) for _ in range(60)],
    }


@pytest.mark.parametrize("latency", [0.0, 0.02, 0.15])
@pytest.mark.parametrize("pace", paces())
def test_what_has_arrived_is_confirmed_after_the_silence_and_one_step(
    tmp_path: Path, pace: str, latency: float
) -> None:
    gaps = paces()[pace]
    measured = waits(tmp_path, gaps, latency)
    assert len(measured) == len(gaps)
    assert min(measured) >= CONFIRM_AFTER + latency
    round_trip = 2 * (latency + 0.001)  # the link of the gateway is one of the datacentre
    # The end of the TLS handshake may hold up the first.
    assert max(measured[1:]) <= round_trip + CONFIRM_AFTER + STEP
