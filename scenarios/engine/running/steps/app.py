"""What a user does with the app on a phone: steps 1 to 5 and 10, and its life cycle."""

from collections.abc import Generator, Mapping
from typing import Any

import simpy

from devices.moodle_app import GatewayAnswer, LoginResult, PushToken, SiteAnswer
from devices.notifications import Notification
from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.registry import step
from scenarios.engine.step_failed import StepFailed, StepRefused, refused_by_status

Steps = Generator[simpy.Event, Any, Mapping[str, Any]]


@step("open_app")
def open_app(context: Context, task: Task) -> Steps:
    app = context.population.apps[task.by]
    yield app.open()
    return {"state": app.state}


@step("accept_push", overdue="the push service issued no token")
def accept_push(context: Context, task: Task) -> Steps:
    token: PushToken = yield context.population.apps[task.by].accept_push()
    context.population.note_tokens()
    return {"token": token.token}


@step("decline_push")
def decline_push(context: Context, task: Task) -> Steps:
    context.population.apps[task.by].decline_push()
    yield context.env.timeout(0)
    return {}


@step("register_gateway", overdue="the gateway did not answer")
def register_gateway(context: Context, task: Task) -> Steps:
    services = context.deployment.services
    key = {"app": services.app_key, "site": services.site_key, None: None}[
        task.arguments.get("key")
    ]
    answer: GatewayAnswer = yield context.population.apps[task.by].register_gateway(
        task.arguments.get("token"), key, task.arguments.get("channel")
    )
    results = {"status": answer.status, "answer": answer.answer, "refused": answer.refused}
    if answer.refused:
        told_by = ("answer", "refused") if answer.status == 200 else ("status", "answer", "refused")
        raise StepRefused(f"the gateway refused the token: {answer}", results, *told_by)
    return results


@step("login", overdue="the site did not answer")
def login(context: Context, task: Task) -> Steps:
    person = context.population.people[task.arguments["user"]]
    answer: LoginResult = yield context.population.apps[task.by].login(
        person.username, person.password
    )
    if answer.error is not None:
        text = f"the site refused the login: {answer.path} answered {answer.status}: {answer.error}"
        raise refused_by_status(text, answer.status, {"status": answer.status})
    return {"status": answer.status}


@step("register_site", overdue="the site did not answer")
def register_site(context: Context, task: Task) -> Steps:
    answer: SiteAnswer = yield context.population.apps[task.by].register_site(
        task.arguments.get("token")
    )
    results = {"status": answer.status, "device": answer.device}
    if answer.error is not None:
        raise refused_by_status(f"refused by {answer.refusal}", answer.status, results)
    return results


@step("open_at_page", overdue="the app did not come to a page")
def open_at_page(context: Context, task: Task) -> Steps:
    app = context.population.apps[task.by]

    def of_last_sending(notification: Notification) -> bool:
        received = context.received.get(task.by)
        return received is None or notification is received

    opened = yield app.open_at_page(of_last_sending)
    return {"page": opened.page, "msgid": opened.msgid, "from_state": opened.from_state}


@step("dismiss")
def dismiss(context: Context, task: Task) -> Steps:
    phone = context.population.phones[task.by]
    received = context.received.get(task.by)
    shown = [each for each in phone.tray if received is None or each is received]
    if not shown:
        raise StepFailed(f"{task.by} shows no notification that could be swiped away")
    phone.dismiss(shown[-1])
    yield context.env.timeout(0)
    return {"msgid": shown[-1].msgid}


@step("set_app_state")
def set_app_state(context: Context, task: Task) -> Steps:
    app = context.population.apps[task.by]
    yield app.set_state(task.arguments["state"])
    return {}


@step("reinstall", overdue="the app was not set up")
def reinstall(context: Context, task: Task) -> Steps:
    set_up = task.arguments.get("set_up", True)
    yield context.population.reinstall(task.by, set_up=set_up)
    return {"token": context.population.apps[task.by].token} if set_up else {}


@step("uninstall")
def uninstall(context: Context, task: Task) -> Steps:
    yield context.population.apps[task.by].set_state("uninstalled")
    return {}
