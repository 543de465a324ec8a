"""The receiving half of the ledger: what the push services and the phones say.

A push service's acceptance makes a copy. APNs names the connection and the identifier under which
it came, so the copy belongs to a notification at once; GCM names the message id that it answers,
so the copy waits until the gateway has read the answer. On the way to the phone a copy goes by
the phone's session and a number on the wire.
"""

from collections.abc import Callable
from typing import Literal

from scenarios.engine.ledger.findings import Event, Findings
from scenarios.engine.ledger.notifications import AtVendor, Copy, OpenHops


class Receivers:
    """The copies of a run and how far the push services and the phones are with them."""

    def __init__(self, findings: Findings, hops: OpenHops) -> None:
        self.handlers: dict[str, Callable[[int, Event], None]] = {
            "vendor.accepted": self._vendor_accepted,
            "vendor.rejected": self._vendor_rejected,
            "vendor.stored": self._vendor_stored,
            "vendor.collapsed": self._vendor_collapsed,
            "vendor.expired": self._vendor_expired,
            "vendor.undeliverable": self._vendor_undeliverable,
            "vendor.sent": self._vendor_sent,
            "vendor.acked": self._vendor_acked,
            "phone.session": self._phone_session,
            "vendor.notice": self._vendor_notice,
            "phone.received": self._phone_received,
            "phone.displayed": self._phone_displayed,
            "phone.undeliverable": self._phone_undeliverable,
            "app.login": self._app_login,
            "app.state": self._app_state,
            "app.opened": self._app_opened,
            "phone.dismissed": self._phone_dismissed,
        }
        self._findings = findings
        self._hops = hops
        self._copies: dict[tuple[str, str], Copy] = {}
        self._on_wire: dict[tuple[str, str, str], Copy] = {}
        self._on_phone: dict[tuple[str, str], Copy] = {}
        self.leftovers: list[Copy] = []
        """What an external gateway still had to send from before this run; of no notification."""
        self._notices: set[tuple[str, str, str]] = set()
        """(service, device, mid) of what a push service says on its own behalf: no notification."""
        self._sessions: dict[tuple[str, str], str] = {}
        self.removals: dict[str, int] = {}
        """Phone -> when the app was last removed from it, with what it had shown."""
        self._users: dict[str, str] = {}
        """Phone -> the site's number of the user who is logged in there."""
        self._is_new = False
        """Whether what a phone received last was new to it."""

    def is_leftover(self, phone: str, mid: str) -> bool:
        """Whether what came to a phone under that id is of none of this run's notifications."""
        return self._on_phone.get((phone, mid)) in self.leftovers

    def _vendor_accepted(self, t: int, event: Event) -> None:
        service, nid = str(event["service"]), str(event["nid"])
        copy = Copy(service, nid, str(event["token_ref"]), t)
        self._copies[service, nid] = copy
        if event.get("leftover"):
            self.leftovers.append(copy)
            return
        if event.get("message_id") is not None:
            self._hops.answers[str(event["message_id"])] = copy
            return
        if event.get("identifier") is None:
            self._cause(
                t, f"{service} accepted {nid}, which came without an identifier (command 0)"
            )
            return
        notification = self._hops.arrive(str(event["peer"]), int(event["identifier"]))
        if notification is None:
            self._cause(t, f"{service} accepted {nid}, which no gateway sent")
        else:
            notification.join(copy)

    def _vendor_rejected(self, t: int, event: Event) -> None:
        if event.get("leftover"):
            return
        if event.get("identifier") is None:
            return  # GCM answers within the request; the gateway tells which push it was
        notification = self._hops.arrive(str(event["peer"]), int(event["identifier"]))
        if notification is None:
            self._cause(t, f"{event['service']} rejected what no gateway sent")
        else:
            notification.vendor_rejected = True
            notification.reason = str(event["reason"])
            notification.hop(t, f"{event['service']} rejected it: {event['reason']}")

    def _copy_of(self, t: int, event: Event) -> Copy | None:
        copy = self._copies.get((str(event["service"]), str(event["nid"])))
        if copy is None:
            self._cause(t, f"{event['kind']} for {event['nid']}, never accepted")
        return copy

    def _copy_state(self, t: int, event: Event, state: AtVendor, text: str) -> Copy | None:
        copy = self._copy_of(t, event)
        if copy is not None:
            copy.state = state
            if copy.notification is not None:
                copy.notification.hop(t, f"{copy.service} {text}")
        return copy

    def _vendor_stored(self, t: int, event: Event) -> None:
        self._copy_state(t, event, AtVendor.STORED, "stored it: the phone is not connected")

    def _vendor_collapsed(self, t: int, event: Event) -> None:
        self._copy_state(t, event, AtVendor.COLLAPSED, "replaced it by a newer one")

    def _vendor_expired(self, t: int, event: Event) -> None:
        self._copy_state(t, event, AtVendor.EXPIRED, "dropped it: expired")

    def _vendor_undeliverable(self, t: int, event: Event) -> None:
        self._copy_state(t, event, AtVendor.UNDELIVERABLE, "found no app for it on the phone")

    def _vendor_sent(self, t: int, event: Event) -> None:
        copy = self._copy_state(t, event, AtVendor.SENT, "sent it to the phone")
        if copy is not None:
            copy.sent = t if copy.sent is None else copy.sent
            self._on_wire[copy.service, str(event["device"]), str(event["mid"])] = copy

    def _vendor_acked(self, t: int, event: Event) -> None:
        copy = self._copy_of(t, event)
        if copy is not None:
            copy.acked = t
            if copy.state is not AtVendor.UNDELIVERABLE:
                copy.state = AtVendor.ACKED

    def _vendor_notice(self, _t: int, event: Event) -> None:
        self._notices.add((str(event["service"]), str(event["device"]), str(event["mid"])))

    # The phones

    def _phone_session(self, t: int, event: Event) -> None:
        self._sessions[str(event["service"]), str(event["host"])] = str(event["device"])

    def _place_on_wire(self, event: Event) -> tuple[str, str, str]:
        service, host = str(event["service"]), str(event["host"])
        return service, self._sessions.get((service, host), host), str(event["mid"])

    def _wire(self, event: Event) -> Copy | None:
        return self._on_wire.get(self._place_on_wire(event))

    def _phone_received(self, t: int, event: Event) -> None:
        copy = self._wire(event)
        if copy is None and self._place_on_wire(event) in self._notices:
            return
        if copy is None:
            text = f"{event['host']} received {event['mid']}, which {event['service']} did not send"
            self._cause(t, text)
            return
        copy.received = t if copy.received is None else copy.received
        self._is_new = not event.get("duplicate")
        copy.receipts += self._is_new
        copy.phone = str(event["host"])
        copy.mid = str(event["mid"])
        copy.reader = copy.reader or self._users.get(copy.phone)
        self._on_phone[copy.phone, str(event["mid"])] = copy
        if copy.notification is not None:
            copy.notification.hop(t, f"{copy.phone} received it")

    def _held(self, event: Event) -> Copy | None:
        return self._on_phone.get((str(event["host"]), str(event.get("mid"))))

    def _phone_displayed(self, t: int, event: Event) -> None:
        copy = self._held(event)
        if copy is None:
            self._findings.add(
                "cause", t, f"{event['host']} displayed {event['mid']}, never received"
            )
        elif copy.displayed is None:
            copy.displayed = t

    def _phone_undeliverable(self, t: int, event: Event) -> None:
        copy = self._held(event)
        if copy is None and "service" in event:
            copy = self._wire(event)
        if copy is not None:
            if self._is_new and copy.receipts:
                copy.receipts -= 1  # it came to the phone, and nobody there took it
            copy.undeliverable = True
            copy.phone = str(event["host"])
            copy.reader = None  # nobody was shown it

    def _app_login(self, t: int, event: Event) -> None:
        self._users[str(event["host"])] = str(event["user"])

    def _app_state(self, t: int, event: Event) -> None:
        if event["state"] == "uninstalled":
            self._users.pop(str(event["host"]), None)
            self.removals[str(event["host"])] = t

    def _app_opened(self, t: int, event: Event) -> None:
        if event.get("mid") is not None:
            self._read(t, event, "opened")

    def _phone_dismissed(self, t: int, event: Event) -> None:
        self._read(t, event, "dismissed")

    def _read(self, t: int, event: Event, how: Literal["opened", "dismissed"]) -> None:
        copy = self._held(event)
        if copy is None:
            self._cause(t, f"{event['host']} {how} {event['mid']}, never received")
        elif copy.read != "opened":
            copy.read = how
            copy.read_at = t

    def _cause(self, t: int, text: str) -> None:
        self._findings.add("cause", t, text)
