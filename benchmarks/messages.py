"""Messages per CPU second, from step 7 to step 10, with a fleet of phones that have push enabled.

Senders post messages on the site, the site asks the gateway, the gateway dispatches to APNs and
GCM, phones receive, their owners open the page. Everything that looks at a run is at work as
well: the trace goes to a file, the ledger follows every notification.

Deploying is not measured, idle phones' heartbeats are. Senders work side by side, each with a
connection of its own; recipients take turns, and their owners open each message before the next.
"""

import argparse
import json
import sys
import time
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import simpy

from devices.fleet import Habits, Owners
from scenarios.engine.format.loader import load
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.findings import Event
from scenarios.engine.ledger.observations import Observations
from scenarios.engine.world.deployment import Deployment
from scenarios.engine.world.server_logs import logs_in_trace
from scenarios.engine.world.stage import SimulatedStage
from sim.trace.recorder import line_of
from sim.world import World

SENDERS = 20
PACE = 5.0
"""Virtual seconds between two messages to the same phone: its owner opens one before the next."""
TEXT = "Lab at nine, bring your notes of last week"
SCENARIO = """
format: 1
name: A fleet
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site: {{ kind: moodle, users: {{ {senders} }} }}
devices:
  fleet: {{ count: {phones}, mix: {{ ios: 50%, android: 50% }}, state: enabled }}
flow:
  - {{ do: settle }}
"""


def senders() -> list[str]:
    return [f"teacher{number}" for number in range(SENDERS)]


class Opened:
    """Counts opened pages, and wakes whoever waits for a number of them."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: tuple[int, simpy.Event] | None = None

    def feed(self, event: Event) -> None:
        if event["kind"] == "app.opened":
            self._count += 1
            if self._waiting is not None and self._count == self._waiting[0]:
                self._waiting[1].succeed()

    def until(self, env: simpy.Environment, more: int) -> simpy.Event:
        event = env.event()
        self._waiting = (self._count + more, event)
        return event


def cpu_seconds(phones: int, messages: int, batch: int) -> float:
    """CPU seconds of `messages` messages, `batch` of them in a request; a warm-up goes first."""
    users = ", ".join(f"{name}: teacher" for name in senders())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.yaml"
        path.write_text(SCENARIO.format(senders=users, phones=phones))
        [cell] = load(path).cells
        world = World(seed=1, wants_connections=False)
        ledger, opened = Ledger(), Opened()
        observations = Observations(ledger)
        deployment = Deployment(SimulatedStage(world), cell.scenario, Path(folder))
        with (
            (Path(folder) / "trace.jsonl").open("w") as trace,
            world,
            logs_in_trace(world.trace),
        ):

            def write(event: dict[str, Any]) -> None:
                trace.write(line_of(event) + "\n")

            for listener in (write, ledger.feed, observations.feed, opened.feed):
                world.trace.listen(listener)
            world.run(deployment.start())
            owners = Owners(
                Habits(opens=1.0, think=(0.5, 1.5), reads=0.5), world.seeds.stream("owners")
            )
            for phone in deployment.population.fleet:
                phone.behaviour = owners
            world.run(_exchange(deployment, opened, phones, min(messages, 500), batch))
            started = time.process_time()
            world.run(_exchange(deployment, opened, phones, messages, batch))
            taken = time.process_time() - started
            world.run(deployment.stop())
        fates = ledger.counts()
        assert fates["opened"] == fates["created"], fates
        return taken


def _exchange(
    deployment: Deployment, opened: Opened, phones: int, messages: int, batch: int
) -> Generator[simpy.Event, Any, None]:
    env = deployment.world.env
    ids = deployment.services.user_ids()
    recipients = [number for name, number in ids.items() if name not in {*senders(), "admin"}]
    assert len(recipients) == phones, f"{len(recipients)} recipients for {phones} phones"
    finished = opened.until(env, messages)
    yield simpy.AllOf(
        env,
        [
            env.process(_send(deployment, name, recipients, range(first, messages, SENDERS), batch))
            for first, name in enumerate(senders())
        ],
    )
    yield finished


def _send(
    deployment: Deployment, sender: str, recipients: list[int], turns: range, batch: int
) -> Generator[simpy.Event, Any, None]:
    browser = deployment.population.browser(sender)
    interval = PACE * SENDERS * batch / len(recipients)
    for start in range(0, len(turns), batch):
        to = [recipients[turn % len(recipients)] for turn in turns[start : start + batch]]
        sent = yield browser.send_messages(to, TEXT)
        assert all(each.error is None for each in sent), sent
        yield deployment.world.env.timeout(interval)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=4_000)
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    taken = cpu_seconds(options.phones, options.messages, options.batch)
    json.dump(
        {
            "messages_per_cpu_second": options.messages / taken,
            "cpu_ms_per_message": taken / options.messages * 1000,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
