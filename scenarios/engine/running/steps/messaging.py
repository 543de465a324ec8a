"""Steps 7 and 8: a message or a broadcast is sent, and the gateway passes it on."""

from collections.abc import Generator, Mapping
from typing import Any, Final

import simpy

from devices.browser import PageResult, SentMessage
from scenarios.engine.ledger.notifications import AtGateway, Notification
from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.registry import step
from scenarios.engine.step_failed import StepFailed, StepRefused, refused_by_status

Steps = Generator[simpy.Event, Any, Mapping[str, Any]]

BATCH: Final = 100
"""Messages a web service call carries; PHP takes at most 1,000 form fields, a message has two."""


@step("message", overdue="the site did not answer")
def message(context: Context, task: Task) -> Steps:
    context.new_sending()
    text = task.arguments["text"]
    context.deployment.note_text(text)
    ids = context.deployment.services.user_ids()
    sender = context.population.browser(task.by)
    to = task.arguments["to"]
    if to == "all":
        gone = [name for name, user in context.population.users.items() if user.deleted]
        recipients = [number for name, number in ids.items() if name not in (task.by, *gone)]
    else:
        recipients = [ids[context.population.people[to].username]]
    sent: list[SentMessage] = []
    for start in range(0, len(recipients), BATCH):
        sent += yield sender.send_messages(recipients[start : start + BATCH], text)
    errors = [each.error for each in sent if each.id is None]
    if errors:
        raise StepFailed(f"the site refused {len(errors)} of {len(sent)} messages: {errors[0]}")
    return {"id": sent[0].id, "sent": len(sent)}


@step("broadcast", overdue="the site did not answer")
def broadcast(context: Context, task: Task) -> Steps:
    context.new_sending()
    text = task.arguments["text"]
    context.deployment.note_text(text)
    seen: list[Mapping[str, Any]] = []
    context.deployment.world.trace.listen(
        lambda event: seen.append(event) if event["kind"] == "broadcast.requested" else None
    )
    page: PageResult = yield context.population.browser(task.by).broadcast(text)
    if not page.ok:
        raise refused_by_status(f"the site refused: {page}", page.status, {"status": page.status})
    if not seen:
        raise StepFailed(f"the site asked the gateway for nothing: {page}")
    results = {name: seen[-1][name] for name in ("status", "refused", "channel")}
    status = results["status"]
    if results["refused"] or not status:
        told_by = ("refused",) if 200 <= status < 300 else ("status", "refused")
        text = f"/broadcast/ answered the site {status}: {page.note}"
        raise StepRefused(text, results, *told_by)
    return results


_GATEWAY_EVENTS: Final = frozenset(
    f"push.{what}"
    for what in (
        "accepted", "refused", "dispatched", "completed", "rejected", "expired", "lost",
    )
)  # fmt: skip


def _undispatched(context: Context) -> str:
    waiting = sum(_is_waiting(n) for n in _of_last_sending(context))
    return f"{waiting} accepted pushes were not written to a push service"


@step("dispatch", overdue=_undispatched)
def dispatch(context: Context, task: Task) -> Steps:
    yield context.watch.until(context.none_left(_is_waiting), _GATEWAY_EVENTS)
    pushes = _of_last_sending(context)
    return {
        "accepted": sum(n.accepted is not None for n in pushes),
        "dispatched": sum(n.dispatched is not None for n in pushes),
        "refused": sum(n.refused for n in pushes),
    }


def _of_last_sending(context: Context) -> list[Notification]:
    return context.ledger.notifications[context.first_of_last_sending :]


def _is_waiting(notification: Notification) -> bool:
    """Whether the gateway holds it and has not written it to a push service even once."""
    return notification.gateway is AtGateway.HELD and notification.dispatched is None
