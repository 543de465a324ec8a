"""What a phone goes through: step 9, and its network."""

from collections.abc import Generator, Mapping
from typing import Any, Final

import simpy

from devices.phone import Phone
from scenarios.engine.ledger.notifications import Fate
from scenarios.engine.running.arrivals import Arrival
from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.arriving import all_expected
from scenarios.engine.running.steps.registry import step
from scenarios.engine.step_failed import StepFailed

Steps = Generator[simpy.Event, Any, Mapping[str, Any]]

_ENDS: Final = frozenset(
    {
        "phone.received", "phone.undeliverable", "push.rejected", "push.expired", "push.lost",
        "push.abandoned", "push.unresolved", "push.suppressed",
    }
)  # fmt: skip


MAX_PHONES: Final = 3
"""Named where none should have received anything."""


def _unreceived(context: Context, task: Task) -> str:
    taken = _taken(context, context.phones(task.by)) if task.by == "fleet" else 0
    return f"only {taken} pushes arrived" if taken else "nothing arrived"


@step("receive", overdue=_unreceived)
def receive(context: Context, task: Task) -> Steps:
    if task.by == "fleet":
        return (yield from _fleet_receives(context, task))
    [phone] = context.phones(task.by)
    notification = yield phone.wait_for_notification()
    while context.ledger.is_leftover(phone.name, notification.mid):
        notification = yield phone.wait_for_notification()
    context.arrivals.note(phone.name, notification.mid)
    context.received[task.by] = notification
    return {
        "alert": notification.alert,
        "badge": notification.badge,
        "sound": notification.sound,
        "custom": dict(notification.custom),
        "count": _taken(context, (phone,)),
    }


def _fleet_receives(context: Context, task: Task) -> Steps:
    """Until every notification of the last sending that can reach a phone has reached it."""

    def taken() -> int:
        return _taken(context, fleet)

    fleet = context.population.fleet
    all_there = context.none_left(lambda notification: notification.fate is Fate.PENDING)
    if context.learns_on_arrival:
        yield from all_expected(context, task, {"count": taken}, all_there, _ENDS)
    else:
        yield context.watch.until(all_there, _ENDS)
    context.arrivals.forget(phone.name for phone in fleet)
    return {"count": taken()}


@step("receive_nothing", takes_its_time=True)
def receive_nothing(context: Context, task: Task) -> Steps:
    names = [phone.name for phone in context.phones(task.by)]
    yield context.env.timeout(task.within)
    arrived = context.arrivals.of(names)
    if arrived:
        raise StepFailed(f"{_told(arrived)}; {context.last_hop()}")
    return {}


def _told(arrived: list[Arrival]) -> str:
    """`stranger received a push at 4.207 s, and fleet-00003 2 at 4.211 s`."""
    by_phone: dict[str, list[Arrival]] = {}
    for each in arrived:
        by_phone.setdefault(each.phone, []).append(each)
    told = [
        f"{phone} received {len(of_it)} at {of_it[0].t / 1e9:.3f} s"
        for phone, of_it in by_phone.items()
    ]
    text = ", ".join(told[:MAX_PHONES])
    unnamed = len(told) - MAX_PHONES
    return f"{text} and {unnamed} more phones received some" if unnamed > 0 else text


@step("go_offline")
def go_offline(context: Context, task: Task) -> Steps:
    for phone in context.phones(task.by):
        phone.radio.go_offline()
    yield context.env.timeout(0)
    return {}


@step("go_online")
def go_online(context: Context, task: Task) -> Steps:
    for phone in context.phones(task.by):
        phone.radio.go_online()
    yield context.env.timeout(0)
    return {}


@step("power_off")
def power_off(context: Context, task: Task) -> Steps:
    for phone in context.phones(task.by):
        phone.power_off()
    yield context.env.timeout(0)
    return {}


@step("power_on")
def power_on(context: Context, task: Task) -> Steps:
    for phone in context.phones(task.by):
        phone.power_on()
    yield context.env.timeout(0)
    return {}


def _taken(context: Context, phones: tuple[Phone, ...]) -> int:
    """How many notifications these phones took as new."""
    names = {phone.name for phone in phones}
    return sum(
        copy.receipts
        for notification in context.ledger.notifications
        for copy in notification.copies
        if copy.phone in names
    )
