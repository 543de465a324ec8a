"""What a user does on the site in a browser: step 6, and changing one's mind."""

from collections.abc import Generator, Mapping
from typing import Any

import simpy

from devices.browser import STATES, PageResult, State
from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.registry import step
from scenarios.engine.step_failed import StepFailed, refused_by_status

Steps = Generator[simpy.Event, Any, Mapping[str, Any]]

PROCESSOR = "airnotifier"


@step("enable", overdue="the site did not answer")
def enable(context: Context, task: Task) -> Steps:
    status = yield from _set_preference(context, task, STATES, enabled=True)
    if task.arguments.get("device") is not None:
        yield from _switch_device(context, task, enabled=True)
    return {"status": status}


@step("disable", overdue="the site did not answer")
def disable(context: Context, task: Task) -> Steps:
    return {"status": (yield from _set_preference(context, task, STATES, enabled=False))}


@step("set_preference", overdue="the site did not answer")
def set_preference(context: Context, task: Task) -> Steps:
    for state in STATES:
        wanted = task.arguments[state]
        status = yield from _set_preference(context, task, (state,), enabled=wanted)
    return {"status": status}


@step("enable_device", overdue="the site did not answer")
def enable_device(context: Context, task: Task) -> Steps:
    return {"status": (yield from _switch_device(context, task, enabled=True))}


@step("disable_device", overdue="the site did not answer")
def disable_device(context: Context, task: Task) -> Steps:
    return {"status": (yield from _switch_device(context, task, enabled=False))}


def _set_preference(
    context: Context, task: Task, states: tuple[State, ...], *, enabled: bool
) -> Generator[simpy.Event, Any, int]:
    processor = task.arguments.get("processor", PROCESSOR)
    page: PageResult = yield context.population.browser(task.by).set_outputs(
        processor, enabled, states=states
    )
    return _accepted(page)


def _switch_device(
    context: Context, task: Task, *, enabled: bool
) -> Generator[simpy.Event, Any, int]:
    name = task.arguments["device"]
    site = context.population.apps[name].site
    if site is None or site.device_id is None:
        raise StepFailed(f"{name} is not registered on the site")
    page: PageResult = yield context.population.browser(task.by).enable_device(
        site.device_id, enabled
    )
    return _accepted(page)


def _accepted(page: PageResult) -> int:
    if not page.ok:
        text = f"the site refused: {page}"
        raise refused_by_status(text, page.status, {"status": page.status})
    return page.status
