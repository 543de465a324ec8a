"""What a phone goes through: step 9, and its network."""

from collections.abc import Generator, Mapping
from typing import Any, Final

import simpy

from devices.phone import Phone
from scenarios.engine.ledger.notifications import Fate
from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.registry import step
from scenarios.engine.step_failed import StepFailed

Steps = Generator[simpy.Event, Any, Mapping[str, Any]]

_ENDS: Final = frozenset(
    {
        "phone.received", "phone.undeliverable", "push.rejected", "push.expired", "push.lost",
        "push.abandoned", "push.unresolved", "push.suppressed",
    }
)  # fmt: skip


@step("receive", overdue="nothing arrived")
def receive(context: Context, task: Task) -> Steps:
    if task.by == "fleet":
        return (yield from _fleet_receives(context))
    [phone] = _phones(context, task.by)
    notification = yield phone.wait_for_notification()
    context.received[task.by] = notification
    return {
        "alert": notification.alert,
        "badge": notification.badge,
        "sound": notification.sound,
        "custom": dict(notification.custom),
        "count": _taken(context, (phone,)),
    }


def _fleet_receives(context: Context) -> Steps:
    """Until every notification of the last sending that can reach a phone has reached it."""

    all_there = context.none_left(lambda notification: notification.fate is Fate.PENDING)
    yield context.watch.until(all_there, _ENDS)
    return {"count": _taken(context, context.population.fleet)}


@step("receive_nothing", takes_its_time=True)
def receive_nothing(context: Context, task: Task) -> Steps:
    phones = _phones(context, task.by)
    before = _taken(context, phones)
    yield context.env.timeout(task.within)
    arrived = _taken(context, phones) - before
    if arrived:
        raise StepFailed(f"{arrived} arrived; {context.last_hop()}")
    return {}


@step("go_offline")
def go_offline(context: Context, task: Task) -> Steps:
    for phone in _phones(context, task.by):
        phone.radio.go_offline()
    yield context.env.timeout(0)
    return {}


@step("go_online")
def go_online(context: Context, task: Task) -> Steps:
    for phone in _phones(context, task.by):
        phone.radio.go_online()
    yield context.env.timeout(0)
    return {}


@step("power_off")
def power_off(context: Context, task: Task) -> Steps:
    for phone in _phones(context, task.by):
        phone.power_off()
    yield context.env.timeout(0)
    return {}


@step("power_on")
def power_on(context: Context, task: Task) -> Steps:
    for phone in _phones(context, task.by):
        phone.power_on()
    yield context.env.timeout(0)
    return {}


def _phones(context: Context, name: str) -> tuple[Phone, ...]:
    population = context.population
    return tuple(population.fleet) if name == "fleet" else (population.phones[name],)


def _taken(context: Context, phones: tuple[Phone, ...]) -> int:
    """How many notifications these phones took as new."""
    names = {phone.name for phone in phones}
    return sum(
        copy.receipts
        for notification in context.ledger.notifications
        for copy in notification.copies
        if copy.phone in names
    )
