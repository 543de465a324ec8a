"""The state of a world at one moment, in lines for people: for replays and for runs that failed.

Reads and changes nothing; may be asked at any moment, also before everything is deployed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.notifications import AtGateway
from scenarios.engine.running.context import Context
from scenarios.engine.running.results import Redactor, Section
from scenarios.engine.world.deployment import Deployment
from sim.hosts import Host as SimHost
from sim.live.hosts import LiveHost
from sim.live.netstat import live_netstat
from sim.net.netstat import netstat
from sim.surface import Host

MAX_HOSTS: Final = 12
"""Shown one by one; the phones of a fleet beyond are counted."""

MAX_SOCKETS: Final = 30
"""Shown of one host."""


def state_of(context: Context) -> list[Section]:
    """Hosts, connections, phones, what the gateway has in its outbox, and saved names."""
    deployment = context.deployment
    hosts = list(deployment.world.hosts.values())
    sections = [Section("hosts", _some(map(_host, hosts), len(hosts), "hosts"))]
    sections += connections(hosts[:MAX_HOSTS])
    if deployment.deployed:
        phones = [*deployment.population.phones.values(), *deployment.population.fleet]
        shown = (_phone(phone, context.ledger) for phone in phones)
        sections.append(Section("phones", _some(shown, len(phones), "phones")))
        waiting = deployment.services.outbox_counts()
        sections.append(Section("gateway", _outbox(waiting, context.ledger)))
    sections.append(variables(context))
    return hide_secrets(deployment, sections)


def hide_secrets(deployment: Deployment, sections: Iterable[Section]) -> list[Section]:
    """The sections that have lines, with a description in the place of every secret."""
    secrets = Redactor(deployment.secrets()) if deployment.deployed else Redactor(())
    return [
        Section(section.title, [secrets.text(line) for line in section.lines])
        for section in sections
        if section.lines
    ]


def connections(hosts: Iterable[Host]) -> list[Section]:
    """What `netstat` shows of each host that has a socket."""
    sections = []
    for host in hosts:
        table = netstat(host) if isinstance(host, SimHost) else live_netstat(cast(LiveHost, host))
        lines = table.splitlines()
        if len(lines) > MAX_SOCKETS + 1:
            more = len(lines) - MAX_SOCKETS - 1
            lines = [*lines[: MAX_SOCKETS + 1], f"and {more} more"]
        if len(lines) > 1:  # more than the head
            sections.append(Section(f"netstat of {host.name}", lines))
    return sections


def variables(context: Context) -> Section:
    """What steps have saved so far."""
    saved = (f"${name} = {value!r}" for name, value in context.saved.items())
    return Section("variables", list(saved))


def event_line(event: Mapping[str, Any]) -> str:
    """An event of the trace in one line."""
    fields = " ".join(
        f"{name}={value}" for name, value in event.items() if name not in ("t", "host", "kind")
    )
    return f"{event['t'] / 1e9:12.6f} s  {event['host']:13} {event['kind']:19} {fields}".rstrip()


def _some(lines: Iterable[str], count: int, what: str) -> list[str]:
    shown = [line for _, line in zip(range(MAX_HOSTS), lines, strict=False)]
    return [*shown, f"and {count - MAX_HOSTS} more {what}"] if count > MAX_HOSTS else shown


def _host(host: Host) -> str:
    ports = ", ".join(map(str, sorted(host.listeners))) or "-"
    state = host.state if isinstance(host, SimHost) else "running"
    network = "online" if host.online else "offline"
    count = len(host.connections)
    return (
        f"{host.name:14} {host.address:12} {state:8} {network:8}"
        f" listens on {ports}; {count} connection{'' if count == 1 else 's'}"
    )


def _phone(phone: Any, ledger: Ledger) -> str:
    app = "no app" if phone.app is None else f"app {phone.app.state}"
    if phone.app is not None and phone.app.page is not None:
        app += f" at page {phone.app.page}"
    session = "connected" if phone.radio.connected else "not connected"
    return (
        f"{phone.name:14} {phone.platform:8} {app:24} {session} to its push service;"
        f" {_notifications(phone, ledger)}"
    )


def _notifications(phone: Any, ledger: Ledger) -> str:
    """What came to a phone, and where it is now: a tap takes a notification out of the tray, also
    while the app that it opens is still starting.
    """
    came = [
        c for n in ledger.notifications for c in n.copies if c.phone == phone.name and c.receipts
    ]
    if not came:
        return "no notification came"
    tray = len(phone.tray)
    places = {
        "opened": sum(copy.read == "opened" for copy in came),
        "dismissed": sum(copy.read == "dismissed" for copy in came),
        f"in the tray ({', '.join(each.mid for each in phone.tray)})": tray,
    }
    places["taken by the app, which shows no page of it yet"] = len(came) - sum(places.values())
    where = ", ".join(f"{count} {place}" for place, count in places.items() if count > 0)
    return f"notifications: {len(came)} came, {where}"


def _outbox(waiting: Mapping[str, int], ledger: Ledger) -> list[str]:
    """Of each push service, what the gateway has still to answer for. A push stays in the outbox
    until it is sure that it arrived: APNs' binary protocol says only what did not.
    """
    held = [n for n in ledger.notifications if n.gateway is AtGateway.HELD and n.dispatched]
    written = Counter(notification.provider for notification in held)
    if not waiting:
        return ["nothing in the outbox"]
    return [
        f"in the outbox for {provider}: {count}, of which {written[provider]} written to it and"
        " kept until sure to have arrived"
        for provider, count in waiting.items()
    ]
