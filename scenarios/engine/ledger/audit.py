"""What others say of the notifications of a run, to hold against the ledger at its end.

The ledger reads the trace. The site keeps its messages in tables, the gateway what it has not
finished in its outbox; the push services count, and a phone's tray holds what was not read. An
event that is missing from the trace, or told twice, makes them differ from the ledger.

Read when the servers have stopped: what a gateway has done is in its tables a moment later.

A server whose power was cut may have written more than it could say. A tray that is full forgets,
and so does one whose app was removed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devices.phone import TRAY_SIZE
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.notifications import AtGateway, AtVendor, Copy
from sim.vendors.store import DeliveryStatistics

if TYPE_CHECKING:
    from scenarios.engine.world.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Audit:
    """`outbox` is None for a gateway into which nobody can look."""

    messages: int
    """Rows of the site, read or not."""
    outbox: tuple[str, ...] | None
    """The numbers of the pushes in the gateway's outbox."""
    counted: Mapping[str, Mapping[str, int]]
    """By push service: its counters, by the names of `COUNTED`."""
    trays: Mapping[str, tuple[str, ...]]
    """By phone: the wire ids of what is in its tray."""


def take_audit(deployment: "Deployment") -> Audit:
    """Ask them all. Changes nothing."""
    services, population = deployment.services, deployment.population
    apns = [services.push.apns.statistics()]
    if services.push.sandbox is not None:
        apns.append(services.push.sandbox.statistics())
    statistics: dict[str, Sequence[DeliveryStatistics]] = {
        "apns": apns,
        "gcm": [services.push.gcm.statistics()],
    }
    phones = [*population.phones.values(), *population.fleet]
    return Audit(
        messages=services.count_messages(),
        outbox=services.outbox_pushes(),
        counted={
            service: {name: sum(getattr(each, name) for each in every) for name in COUNTED}
            for service, every in statistics.items()
        },
        trays={phone.name: tuple(each.mid for each in phone.tray) for phone in phones},
    )


def differences(ledger: Ledger, audit: Audit) -> Iterator[str]:
    """Where the ledger and the others disagree, in sentences."""
    written, crashed = ledger.messages, ledger.uptime.crashed
    if audit.messages < written or (audit.messages > written and "site" not in crashed):
        yield f"the site has {audit.messages} messages, the trace {written}"
    if audit.outbox is not None:
        yield from _outbox(ledger, audit.outbox)
    copies = [copy for each in ledger.notifications for copy in each.copies] + ledger.leftovers
    for service, counters in audit.counted.items():
        for name, applies in COUNTED.items():
            seen = sum(applies(copy) for copy in copies if copy.service == service)
            if seen != counters[name]:
                yield f"{service} counts {counters[name]} {name}, the trace {seen}"
    shown: dict[str, list[Copy]] = {}
    for copy in copies:
        if copy.phone is not None and copy.displayed is not None and copy.read is None:
            shown.setdefault(copy.phone, []).append(copy)
    for phone, tray in audit.trays.items():
        yield from _tray(phone, tray, shown.get(phone, []), ledger.removals.get(phone, -1))


def _outbox(ledger: Ledger, outbox: tuple[str, ...]) -> Iterator[str]:
    held = {each.push: each for each in ledger.notifications if each.gateway is AtGateway.HELD}
    waiting = dict.fromkeys(outbox)
    for push in held:
        if push not in waiting:
            yield f"push {push} is pending, and the gateway's outbox does not have it"
    known = {each.push for each in ledger.notifications}
    for push in waiting:
        # A gateway that is up has written what it ticked off; one that died may have stored what
        # it could not tell of.
        told = push in known
        if push not in held and (
            ledger.uptime.is_up("gateway") if told else "gateway" not in ledger.uptime.crashed
        ):
            yield f"push {push} is in the gateway's outbox, and the trace does not say so"


def _tray(phone: str, tray: tuple[str, ...], shown: list[Copy], removed: int) -> Iterator[str]:
    known = {copy.mid for copy in shown}
    for mid in tray:
        if mid not in known:
            yield f"the tray of {phone} has {mid}, and the trace does not show it there"
    if len(tray) == TRAY_SIZE:
        return
    for copy in shown:
        if copy.mid not in tray and (copy.displayed or 0) > removed:
            yield f"{copy.mid} came into the tray of {phone} and is not there"


COUNTED: Final[Mapping[str, Callable[[Copy], bool]]] = {
    "accepted": lambda copy: True,
    "acknowledged": lambda copy: copy.acked is not None,
    "collapsed": lambda copy: copy.state is AtVendor.COLLAPSED,
    "expired": lambda copy: copy.state is AtVendor.EXPIRED,
    "undeliverable": lambda copy: copy.state is AtVendor.UNDELIVERABLE,
}
"""What both push services count, and which copies of the ledger that is."""
