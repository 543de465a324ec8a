"""A packet capture of a whole world: everything that its hosts put on the network.

Each segment stands there once, as its sender saw it leave; what was lost on the way has a comment
that says so. Acknowledgements without data are not part of the model and so not there either. What
TLS servers with contexts of the world's authority exchange can be decrypted: the capture has the
secrets in it. Passwords, tokens and texts stand in it as they were sent.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.net.frames import frames
from sim.net.taps import TappedSegment
from sim.trace.pcapng import PcapngWriter

if TYPE_CHECKING:
    from sim.net.network import Network
    from sim.net.tls import CertificateAuthority

INTERFACE: Final = "airbed"


class Capture:
    """Begins at once; to be made before the servers are. `epoch`: Unix seconds at virtual zero.

    Raises OSError when the file cannot be written.
    """

    def __init__(
        self, path: Path, network: "Network", authority: "CertificateAuthority", *, epoch: float
    ) -> None:
        self._network = network
        self._authority = authority
        self._epoch = round(epoch * 1e9)
        self._writer = PcapngWriter(path, interface=INTERFACE)
        self._key_log = path.with_name(f".{path.name}.keys")
        self._key_log.touch(mode=0o600)
        authority.key_log = self._key_log
        network.taps.add(self._take)

    def _take(self, segment: TappedSegment) -> None:
        time = self._epoch + round(segment.sent * 1e9)
        comment = "lost on the way" if segment.lost else ""
        for frame in frames(segment):
            self._writer.packet(time, frame, comment)

    def close(self) -> None:
        """End the capture and complete the file."""
        self._network.taps.remove(self._take)
        self._authority.key_log = None
        self._writer.close(names=self._network.names, key_log=self._key_log.read_bytes())
        self._key_log.unlink()
