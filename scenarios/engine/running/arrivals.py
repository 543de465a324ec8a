"""What has come to phones that nobody has taken note of: what `receive_nothing` is about.

A push counts from the moment in which its phone takes it as new. It is noted when a `receive` takes
it, or when its user opens or dismisses it; all are forgotten when a message or a broadcast is about
to be sent, and those of a phone when a step with that phone begins.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.findings import Event


@dataclass(frozen=True, slots=True)
class Arrival:
    """A push that came to a phone. `t` in ns."""

    phone: str
    mid: str
    t: int


class Arrivals:
    """Feed it every event after the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._of_phone: dict[str, list[Arrival]] = {}

    def feed(self, event: Event) -> None:
        """Take the next event of the trace."""
        match event["kind"]:
            case "phone.received" if not event.get("duplicate"):
                phone, mid = str(event["host"]), str(event["mid"])
                if not self._ledger.is_leftover(phone, mid):
                    arrival = Arrival(phone, mid, event["t"])
                    self._of_phone.setdefault(phone, []).append(arrival)
            case "phone.undeliverable" | "phone.dismissed" | "app.opened":
                self.note(str(event["host"]), str(event.get("mid")))

    def note(self, phone: str, mid: str) -> None:
        """Somebody has taken note of this one."""
        arrivals = self._of_phone.get(phone, [])
        self._of_phone[phone] = [each for each in arrivals if each.mid != mid]

    def forget(self, phones: Iterable[str]) -> None:
        """Of what has come to these phones, nothing matters any more."""
        for phone in phones:
            self._of_phone.pop(phone, None)

    def forget_all(self) -> None:
        """Nor of what has come to any other."""
        self._of_phone.clear()

    def of(self, phones: Iterable[str]) -> list[Arrival]:
        """What has come to these phones, in the order of the phones."""
        return [each for phone in phones for each in self._of_phone.get(phone, ())]
