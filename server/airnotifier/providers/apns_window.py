"""The unconfirmed pushes of one APNs connection, and what an error packet says about them.

Pure bookkeeping without I/O and without a clock of its own. On the binary protocol success is
silence, so every push stays in the window until enough silence has passed or an error packet names
a later one.
"""

from collections import deque
from dataclasses import dataclass, field

from server.airnotifier.providers.apns_frames import SHUTDOWN, ErrorPacket
from server.airnotifier.push import Push

LAST_IDENTIFIER = 2**32 - 1


@dataclass(slots=True)
class Settlement:
    """The fates that an error packet decides."""

    confirmed: list[Push] = field(default_factory=list)
    rejected: Push | None = None
    replay: list[Push] = field(default_factory=list)
    """What the server discarded, in the order of writing."""
    understood: bool = True
    """False: the packet names no push of this window, so nobody knows what it was about."""


class Window:
    """Pushes in the order of writing, with identifiers that rise from 1.

    Apple's own client advice; 0 is left out because the gateway used it in answers about
    notifications it could not read.
    """

    def __init__(self) -> None:
        self._entries: deque[tuple[int, float, Push]] = deque()
        self.next = 1
        """The identifier of the push that is added next."""

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        if not self._entries:
            return f"<Window empty, next={self.next}>"
        return f"<Window {self._entries[0][0]}..{self._entries[-1][0]}>"

    @property
    def exhausted(self) -> bool:
        """There are no identifiers left: the connection has to be renewed."""
        return self.next > LAST_IDENTIFIER

    @property
    def newest(self) -> float | None:
        """When the newest unconfirmed push was written."""
        return self._entries[-1][1] if self._entries else None

    def add(self, push: Push, now: float) -> int:
        """Note a push that is being written. Returns its identifier."""
        identifier = self.next
        self.next += 1
        self._entries.append((identifier, now, push))
        return identifier

    def confirm(self, before: float) -> list[Push]:
        """Remove and return the pushes written before that time."""
        confirmed: list[Push] = []
        while self._entries and self._entries[0][1] < before:
            confirmed.append(self._entries.popleft()[2])
        return confirmed

    def settle(self, packet: ErrorPacket) -> Settlement:
        """Empty the window as an error packet demands.

        Everything before the named push was accepted. The named one was rejected, or with status
        10 it is the last that was accepted. Everything behind it was discarded.
        """
        named = packet.identifier
        if packet.status == SHUTDOWN:
            if not 0 <= named < self.next:
                return self._unknown()
            return Settlement(confirmed=self._take_until(named), replay=self.clear())
        if not self._entries or not self._entries[0][0] <= named < self.next:
            return self._unknown()
        before = self._take_until(named - 1)
        return Settlement(
            confirmed=before, rejected=self._entries.popleft()[2], replay=self.clear()
        )

    def clear(self) -> list[Push]:
        """Remove and return everything."""
        pushes = [push for _, _, push in self._entries]
        self._entries.clear()
        return pushes

    def _take_until(self, identifier: int) -> list[Push]:
        taken: list[Push] = []
        while self._entries and self._entries[0][0] <= identifier:
            taken.append(self._entries.popleft()[2])
        return taken

    def _unknown(self) -> Settlement:
        return Settlement(replay=self.clear(), understood=False)
