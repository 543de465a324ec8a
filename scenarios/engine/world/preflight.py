"""Before the first run with an external gateway: do the keys work, and do pushes come through?

    token of a phone -> registered with the app's key -> a push with the site's key -> arrived

The push services of the first run are started for it, with their real settings but none of its
faults. The token is the one that the first phone of that run will have. So a gateway whose keys may
not delete it keeps nothing that a later broadcast would fail on: the run registers it again. Where
that phone is to stay unregistered and the token could not be deleted, no push is tried.

Two things are learned for the runs. A gateway that connects to APNs by itself (AirNotifier does, at
once and for ever) is waited for, so that no run begins while it is on its way. At the end of a run,
one that resends is left its connection until silence has told it that all was accepted: else it
would send that again in the next run, where nobody knows the tokens.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import simpy

from devices.excerpt import error_in
from devices.moodle_app import TAKEN, status_in
from devices.tokens import token_ref
from scenarios.engine.format.models import Platform, Scenario, Vendors
from scenarios.engine.world.foreign_gateway import (
    CONFIRMED_AFTER,
    Answer,
    GatewayUnreachable,
    as_line,
    ask,
    hint,
)
from scenarios.engine.world.live_stage import LiveOptions, LiveStage
from scenarios.engine.world.push_services import SENDER_ID
from scenarios.engine.world.services import APP_ID, Services
from sim.kernel.bridge import as_event
from sim.trace.recorder import Event
from sim.vendors.apns.service import PROVIDER_PORT

HEAD_START: Final = 2.0
"""Seconds for a gateway that connects to APNs by itself, before a push makes any other connect."""
LIMIT: Final = 30.0
"""Seconds for a push to arrive at its push service, connecting included."""
AGAIN_LIMIT: Final = 3.0
"""Seconds in which a gateway that resends is expected to connect again and do it."""
ATTEMPTS: Final = 3
"""Pushes to iOS: what an earlier run left in a gateway's queue may cost those behind it."""

_POLL: Final = 0.05
_NAMES: Final[Mapping[Platform, str]] = {"ios": "iOS", "android": "Android"}
_SERVICES: Final[Mapping[Platform, str]] = {"ios": "APNs", "android": "GCM"}
_ALERT: Final = "Airbed looks whether pushes come through"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the runs need of a platform. `scenario` and `seed`: the first run with such phones.

    `names_device`: which sites there are, those that name the device to the gateway or those that
    leave it out, as Moodle's did in 2013.
    """

    platform: Platform
    scenario: Scenario
    seed: int
    names_device: frozenset[bool]


@dataclass(slots=True)
class Findings:
    """What was found out. `notes`: what will not work, and cannot be helped by the run."""

    keeps_connected: bool = False
    resends: bool = False
    """It sends to APNs again what it wrote to a connection that was closed."""
    told: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def wanted_of(runs: Sequence[tuple[Scenario, int]]) -> list[Wanted]:
    """What runs of these scenarios with these seeds need, iOS first."""
    found: dict[Platform, Wanted] = {}
    for scenario, seed in runs:
        names = frozenset({scenario.world.site.generation != "2013"})
        for platform in _platforms(scenario):
            known = found.get(platform, Wanted(platform, scenario, seed, frozenset()))
            found[platform] = replace(known, names_device=known.names_device | names)
    return [found[platform] for platform in _NAMES if platform in found]


def _platforms(scenario: Scenario) -> list[Platform]:
    devices = scenario.devices
    named = {phone.platform for phone in devices.phones.values()}
    fleet = devices.fleet
    return [each for each in _NAMES if each in named or (fleet is not None and fleet.has(each))]


def preflight(options: LiveOptions, wanted: Sequence[Wanted], state: Path) -> Findings:
    """Try what is wanted. Raises GatewayUnreachable for what no run could do without.

    `state`: a directory for files of the world.
    """
    findings = Findings()
    for each in wanted:
        plain = each.scenario.world.model_copy(update={"vendors": Vendors()})
        scenario = each.scenario.model_copy(update={"world": plain, "faults": []})
        stage = LiveStage.make(options, scenario, each.seed, state, wants_connections=False)
        with stage.world as world:
            world.run(_Trial(stage, scenario, each, state, findings).run())
    return findings


class _Trial:
    """One platform, in a world of its own."""

    def __init__(
        self, stage: LiveStage, scenario: Scenario, wanted: Wanted, state: Path, findings: Findings
    ) -> None:
        assert stage.options.gateway is not None
        self._stage = stage
        self._env = stage.world.env
        self._gateway = stage.options.gateway
        self._scenario = scenario
        self._wanted = wanted
        self._findings = findings
        self._services = Services(stage, scenario, state)
        self._token = ""
        self._events: list[Event] = []
        stage.world.trace.listen(self._hear)

    def run(self) -> Generator[simpy.Event, Any, None]:
        """Raises GatewayUnreachable."""
        yield from self._services.push.start()
        try:
            self._token = self._first_token()
            if self._stays_unregistered and not (yield from self._may_delete()):
                yield from self._see_whether_it_connects()
                self._findings.told.append(
                    f"no push to {self._name} was tried: the run's phone is to stay unregistered,"
                    " and no key may delete its token"
                )
                return
            yield from self._register()
            if self._wanted.platform == "ios":
                yield from self._ios()
            else:
                yield from self._android()
            yield from self._delete()
        finally:
            yield from self._services.stop()

    # -- the platforms

    def _ios(self) -> Generator[simpy.Event, Any, None]:
        connected = yield from self._see_whether_it_connects()
        deadline = self._env.now + LIMIT
        for _ in range(ATTEMPTS):
            rejections = len(self._seen("vendor.rejected"))
            answer = yield from self._send(names_device=True in self._wanted.names_device)
            self._insist(answer, "a push to iOS")
            while self._env.now < deadline and not self._arrivals:
                yield self._env.timeout(_POLL)
                if len(self._seen("vendor.rejected")) > rejections:
                    yield self._env.timeout(1.0)  # until that connection is closed
                    break
            if self._arrivals or self._env.now >= deadline:
                break
        self._insist_on_arrival()
        yield from self._see_whether_it_sends_again()
        how = "connects to APNs by itself" if connected else "connects to APNs for a push"
        self._findings.told.insert(0, f"a push to iOS arrived; the gateway {how}")

    def _see_whether_it_connects(self) -> Generator[simpy.Event, Any, bool]:
        if self._wanted.platform == "ios":
            yield from self._until("vendor.connected", HEAD_START)
            self._findings.keeps_connected = bool(self._seen("vendor.connected"))
        return self._findings.keeps_connected

    def _see_whether_it_sends_again(self) -> Generator[simpy.Event, Any, None]:
        """APNs closes the connection without a word: was the push lost with it?"""
        self._services.push.apns.close_silently()
        deadline = self._env.now + AGAIN_LIMIT
        while self._env.now < deadline and not self._findings.resends:
            yield self._env.timeout(_POLL)
            self._findings.resends = self._arrivals > 1
        if self._findings.resends:
            self._findings.told.append("it sends again what was lost with a connection")
            yield self._env.timeout(CONFIRMED_AFTER)

    def _android(self) -> Generator[simpy.Event, Any, None]:
        names = max(self._wanted.names_device)
        answer = yield from self._send(names_device=names)
        if not names and _refused(answer):
            named = yield from self._send(names_device=True)
            self._insist(named, "a push to Android")
            self._findings.notes.append(
                "without a device the gateway takes a push for one to iOS:"
                f" {answer.told(self._private)}\n  a site of generation 2013 names none, so pushes"
                " to Android cannot work; one of generation 2.7 names it"
            )
        else:
            self._insist(answer, "a push to Android")
        began = self._env.now
        while self._env.now < began + LIMIT and not self._arrivals:
            yield self._env.timeout(_POLL)
        self._insist_on_arrival()
        self._findings.told.append("a push to Android arrived")

    def _first_token(self) -> str:
        """The token that the first phone of the platform gets in a run: all devices introduce
        themselves before the first of them asks for one; a fleet's one by one."""
        devices, push = self._scenario.devices, self._services.push
        phones = [p for p in devices.phones.values() if p.platform == self._wanted.platform]
        count = 1 if devices.fleet is not None else max(1, len(phones))
        if self._wanted.platform == "ios":
            first, *_ = [push.apns.add_device() for _ in range(count)]
            return push.apns.issue(first, APP_ID).hex()
        (android_id, _), *_ = [push.gcm.add_device() for _ in range(count)]
        return push.gcm.register(android_id, APP_ID, [SENDER_ID])

    # -- requests

    def _register(self) -> Generator[simpy.Event, Any, None]:
        form = {"device": self._wanted.platform, "channel": "default"}
        path = self._token_path
        if self._services.token_in == "body":
            path, form = "/tokens", {"token": self._token, **form}
        answer = yield from self._ask("POST", path, self._services.app_key, form)
        if answer.status != 200 or status_in(answer.body) not in TAKEN:
            self._fail(answer, f"a token of {self._name} from the app's key")

    def _send(self, *, names_device: bool) -> Generator[simpy.Event, Any, Answer]:
        form = {"alert": _ALERT, "token": self._token}
        if names_device:
            form["device"] = self._wanted.platform
        return (yield from self._ask("POST", "/notification/", self._services.site_key, form))

    @property
    def _stays_unregistered(self) -> bool:
        """Whether the first phone starts new and the run never registers it with the app's key."""
        phones = self._scenario.devices.phones.items()
        names = (name for name, phone in phones if phone.platform == self._wanted.platform)
        first = next(names, None)
        if first is None or self._scenario.devices.phones[first].state != "new":
            return False
        return not any(
            step.by == first
            and step.do in ("register_gateway", "register_site", "reinstall")
            and step.arguments.get("key") != "site"
            for step in self._scenario.flow
        )

    def _may_delete(self) -> Generator[simpy.Event, Any, bool]:
        """Whether one of the keys may delete tokens: then it is told that this one is unknown."""
        for key in (self._services.app_key, self._services.site_key):
            answer = yield from self._ask("DELETE", self._token_path, key, None)
            if status_in(answer.body):
                return True
        return False

    def _delete(self) -> Generator[simpy.Event, Any, None]:
        for key in (self._services.app_key, self._services.site_key):
            answer = yield from self._ask("DELETE", self._token_path, key, None)
            if answer.status < 300 and error_in(answer.body) is None:
                return

    def _ask(
        self, method: str, path: str, key: str, form: Mapping[str, str] | None
    ) -> Generator[simpy.Event, Any, Answer]:
        """In a thread: the push services have to answer the gateway meanwhile."""
        app = self._scenario.world.gateway.app
        request = partial(
            ask,
            self._gateway,
            method,
            path,
            shown=path.replace(self._token_path, "/tokens/<token>"),
            headers={"Accept": "application/json", "X-AN-APP-NAME": app, "X-AN-APP-KEY": key},
            form=form,
        )
        answer: Answer = yield as_event(
            self._env, self._stage.world.loop.run_in_executor(None, request)
        )
        return answer

    # -- what is insisted on

    def _insist(self, answer: Answer, what: str) -> None:
        if _refused(answer):
            self._fail(answer, f"{what} from the site's key")

    def _fail(self, answer: Answer, what: str) -> None:
        told = answer.told(self._private)
        raise GatewayUnreachable(
            f"the gateway at {self._gateway.url} does not take {what}: {told}"
            + as_line(hint(answer.status, answer.words(self._private)))
        )

    def _insist_on_arrival(self) -> None:
        if self._arrivals:
            return
        service, where = _SERVICES[self._wanted.platform], self._gateway.url
        rejections = self._seen("vendor.rejected", token_ref=token_ref(self._token))
        refusals = self._seen("tls.refused")
        closed = [
            event for event in self._seen("vendor.closed") if event["reason"] == "certificate"
        ]
        told = f"the gateway at {where} took a push to {self._name}, and"
        if rejections:
            told += f" {service} rejected it: {rejections[0]['reason']}"
        elif refusals:
            told += f" then {service} refused its TLS handshake: {refusals[-1]['why']}"
        elif closed:
            told += f" {service} closed its connection: its certificate is for another environment"
        elif self._wanted.platform == "ios" and not self._seen("vendor.connected"):
            told += f" never connected to APNs at {self._apns_address} within {LIMIT:g} s"
        else:
            told += f" it did not arrive at {service} within {LIMIT:g} s"
        raise GatewayUnreachable(told + as_line(self._set_up))

    @property
    def _set_up(self) -> str:
        base = self._stage.options.port_base
        ports = "--port-base N, and run with the same" if base is None else f"--port-base {base}"
        return f"set it up with what `airbed serve vendors --seed {self._wanted.seed} {ports}` says"

    @property
    def _apns_address(self) -> str:
        host, port = self._stage.world.hosts["apns"].listeners[PROVIDER_PORT]
        return f"{host}:{port}"

    @property
    def _name(self) -> str:
        return _NAMES[self._wanted.platform]

    @property
    def _token_path(self) -> str:
        return f"/tokens/{quote(self._token, safe='')}"

    @property
    def _private(self) -> tuple[str, ...]:
        return self._token, self._services.app_key, self._services.site_key

    # -- what the push services saw

    def _hear(self, event: Event) -> None:
        if event["kind"].startswith(("vendor.", "tls.")) and not event.get("inferred"):
            self._events.append(event)

    def _seen(self, kind: str, **fields: str) -> list[Event]:
        return [
            event
            for event in self._events
            if event["kind"] == kind and fields.items() <= event.items()
        ]

    @property
    def _arrivals(self) -> int:
        return len(self._seen("vendor.accepted", token_ref=token_ref(self._token)))

    def _until(self, kind: str, limit: float) -> Generator[simpy.Event, Any, None]:
        deadline = self._env.now + limit
        while self._env.now < deadline and not self._seen(kind):
            yield self._env.timeout(_POLL)


def _refused(answer: Answer) -> bool:
    """A gateway of 2013 refuses with status 200 and an error."""
    return not 200 <= answer.status < 300 or error_in(answer.body) is not None
