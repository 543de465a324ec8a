"""The unconfirmed pushes of one APNs connection, and what an error packet says about them.

Pure bookkeeping without I/O and without a clock of its own. On the binary protocol success is
silence, so every push stays in the window until enough silence has passed or an error packet names
a later one. The news may be later than that, when the way back is cut for a while: so the last ones
that silence has confirmed are remembered, and a packet about them takes that back.
"""

from collections import deque
from dataclasses import dataclass, field

from server.airnotifier.providers.apns.frames import SHUTDOWN, ErrorPacket
from server.airnotifier.push import Push

LAST_IDENTIFIER = 2**32 - 1


@dataclass(slots=True)
class Settlement:
    """The fates that an error packet decides."""

    confirmed: list[Push] = field(default_factory=list)
    rejected: Push | None = None
    replay: list[Push] = field(default_factory=list)
    """What the server discarded, in the order of writing."""
    recalled: list[Push] = field(default_factory=list)
    """Of these, what silence had confirmed."""
    understood: bool = True
    """False: the packet names no push of this window, so nobody knows what it was about."""


class Window:
    """Pushes in the order of writing, with identifiers that rise from 1.

    Apple's own client advice; 0 is left out because the gateway used it in answers about
    notifications it could not read.
    """

    def __init__(self, memory: int) -> None:
        """`memory`: how many confirmed pushes are remembered."""
        self._entries: deque[tuple[int, Push]] = deque()
        self._confirmed: deque[tuple[int, Push]] = deque(maxlen=memory)
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

    def add(self, push: Push) -> int:
        """Note a push that is being written. Returns its identifier."""
        identifier = self.next
        self.next += 1
        self._entries.append((identifier, push))
        return identifier

    def confirm(self, end: int) -> list[Push]:
        """Remove and return the pushes with identifiers below `end`."""
        confirmed: list[Push] = []
        while self._entries and self._entries[0][0] < end:
            identifier, push = self._entries.popleft()
            self._confirmed.append((identifier, push))
            confirmed.append(push)
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
            recalled = self._recall(named)
            confirmed = self._take_until(named)
            return Settlement(confirmed, None, [*recalled, *self.clear()], recalled)
        if self._confirmed and self._confirmed[0][0] <= named <= self._confirmed[-1][0]:
            recalled = self._recall(named)
            rejected = self._confirmed.pop()[1]
            return Settlement([], rejected, [*recalled, *self.clear()], recalled)
        if not self._entries or not self._entries[0][0] <= named < self.next:
            return self._unknown()
        before = self._take_until(named - 1)
        return Settlement(
            confirmed=before, rejected=self._entries.popleft()[1], replay=self.clear()
        )

    def clear(self) -> list[Push]:
        """Remove and return everything."""
        pushes = [push for _, push in self._entries]
        self._entries.clear()
        return pushes

    def _take_until(self, identifier: int) -> list[Push]:
        taken: list[Push] = []
        while self._entries and self._entries[0][0] <= identifier:
            taken.append(self._entries.popleft()[1])
        return taken

    def _recall(self, identifier: int) -> list[Push]:
        """Forget and return what was confirmed behind that one."""
        recalled: list[Push] = []
        while self._confirmed and self._confirmed[-1][0] > identifier:
            recalled.append(self._confirmed.pop()[1])
        recalled.reverse()
        return recalled

    def _unknown(self) -> Settlement:
        return Settlement(replay=self.clear(), understood=False)
