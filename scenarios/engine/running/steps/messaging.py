"""Steps 7 and 8: a message or a broadcast is sent, and the gateway passes it on."""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

import simpy

from devices.browser import PageResult, SentMessage
from scenarios.engine.ledger.notifications import AtGateway, Notification
from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.arriving import Counts, all_expected, missing
from scenarios.engine.running.steps.registry import step
from scenarios.engine.step_failed import StepFailed, StepRefused, refused_by_status

Steps = Generator[simpy.Event, Any, Mapping[str, Any]]

BATCH: Final = 100
"""Messages a web service call carries; PHP takes at most 1,000 form fields, a message has two."""


@step("message", overdue="the site did not answer")
def message(context: Context, task: Task) -> Steps:
    context.new_sending(broadcast=False)
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
    context.new_sending(broadcast=True)
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
        words = seen[-1].get("answer") or page.note
        text = f"POST /broadcast/ answered the site {status}: {words}"
        raise StepRefused(text, results, *told_by)
    return results


_GATEWAY_EVENTS: Final = frozenset(
    f"push.{what}"
    for what in (
        "accepted", "refused", "dispatched", "completed", "rejected", "expired", "lost",
    )
)  # fmt: skip


def _undispatched(context: Context, task: Task) -> str:
    lacking = missing(task, _counts(context))
    if context.learns_on_arrival and (lacking or not _of_last_sending(context)):
        came = sum(n.dispatched is not None for n in _of_last_sending(context))
        wanted = f" (expected: {', '.join(lacking)})" if lacking else ""
        return f"{came} pushes of the broadcast have reached a push service{wanted}"
    waiting = sum(_is_waiting(n) for n in _of_last_sending(context))
    if context.deployment.stage.foreign_gateway is not None:
        return f"{waiting} accepted pushes have not reached a push service"
    return f"{waiting} accepted pushes were not written to a push service"


@step("dispatch", overdue=_undispatched)
def dispatch(context: Context, task: Task) -> Steps:
    counts, all_written = _counts(context), context.none_left(_is_waiting)
    if context.learns_on_arrival:
        yield from all_expected(context, task, counts, all_written, _GATEWAY_EVENTS)
    else:
        yield context.watch.until(all_written, _GATEWAY_EVENTS)
    return {name: count() for name, count in counts.items()}


def _counts(context: Context) -> Counts:
    """The results of `dispatch`."""

    def counted(applies: Callable[[Notification], bool]) -> Callable[[], int]:
        return lambda: sum(map(applies, _of_last_sending(context)))

    return {
        "accepted": counted(lambda each: each.accepted is not None),
        "dispatched": counted(lambda each: each.dispatched is not None),
        "refused": counted(lambda each: each.refused),
    }


def _of_last_sending(context: Context) -> list[Notification]:
    return context.ledger.notifications[context.first_of_last_sending :]


def _is_waiting(notification: Notification) -> bool:
    """Whether the gateway holds it and has not written it to a push service even once."""
    return notification.gateway is AtGateway.HELD and notification.dispatched is None
