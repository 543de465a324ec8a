"""Writes packet captures in the pcapng format, which Wireshark and tshark read.

One section with one interface (Ethernet, nanoseconds). Packets go to the disk as they come, so
memory stays bounded. Names of addresses and TLS secrets have to stand before the packets that they
explain, but are only known at the end: packets are kept in a file of their own until then.

Source: IETF draft "PCAP Now Generic (pcapng) Capture File Format" (draft-ietf-opsawg-pcapng);
sections are named below.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

SECTION_HEADER: Final = 0x0A0D0D0A  # 4.1
INTERFACE_DESCRIPTION: Final = 0x00000001  # 4.2
ENHANCED_PACKET: Final = 0x00000006  # 4.3
NAME_RESOLUTION: Final = 0x00000004  # 4.5
DECRYPTION_SECRETS: Final = 0x0000000A  # 4.7

BYTE_ORDER: Final = 0x1A2B3C4D
LINKTYPE_ETHERNET: Final = 1
TLS_KEY_LOG: Final = 0x544C534B  # 4.7: lines as NSS and OpenSSL write them
_UNKNOWN_LENGTH: Final = 0xFFFF_FFFF_FFFF_FFFF

_OPT_COMMENT: Final = 1
_SHB_USERAPPL: Final = 4
_IF_NAME: Final = 2
_IF_TSRESOL: Final = 9
_RECORD_IPV4: Final = 1

_WORD: Final = Struct("<I")
_HEAD: Final = Struct("<II")
_SECTION: Final = Struct("<IHHQ")
_INTERFACE: Final = Struct("<HHI")
_PACKET: Final = Struct("<IIIII")
_OPTION: Final = Struct("<HH")


def _create(path: Path) -> BinaryIO:
    """A new file for its owner only: what was said inside TLS can be read with it."""
    path.unlink(missing_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


class PcapngWriter:
    """A capture at `path`, complete after `close()`. Raises OSError when it cannot be written."""

    def __init__(self, path: Path, *, interface: str) -> None:
        self._path = path
        self._interface = interface
        self._packets_path = path.with_name(f".{path.name}.packets")
        self._packets = _create(self._packets_path)

    def packet(self, time: int, frame: bytes, comment: str = "") -> None:
        """The next Ethernet frame; `time` in ns since 1970."""
        body = _PACKET.pack(0, time >> 32, time & 0xFFFF_FFFF, len(frame), len(frame))
        body += _padded(frame)
        if comment:
            body += _options([(_OPT_COMMENT, comment.encode())])
        self._packets.write(_block(ENHANCED_PACKET, body))

    def close(self, *, names: Mapping[str, Iterable[str]], key_log: bytes = b"") -> None:
        """Complete the file. `names` of IPv4 addresses; `key_log`: TLS secrets, may be empty."""
        self._packets.close()
        with _create(self._path) as file:
            file.write(_section_header())
            file.write(_interface_description(self._interface))
            if names:
                file.write(_name_resolution(names))
            if key_log:
                secrets = _HEAD.pack(TLS_KEY_LOG, len(key_log)) + _padded(key_log)
                file.write(_block(DECRYPTION_SECRETS, secrets))
            with self._packets_path.open("rb") as packets:
                shutil.copyfileobj(packets, file)
        self._packets_path.unlink()


def _section_header() -> bytes:
    body = _SECTION.pack(BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)
    return _block(SECTION_HEADER, body + _options([(_SHB_USERAPPL, b"Airbed")]))


def _interface_description(name: str) -> bytes:
    body = _INTERFACE.pack(LINKTYPE_ETHERNET, 0, 0)
    options = [(_IF_NAME, name.encode()), (_IF_TSRESOL, bytes([9]))]  # 10 ** -9 s
    return _block(INTERFACE_DESCRIPTION, body + _options(options))


def _name_resolution(names: Mapping[str, Iterable[str]]) -> bytes:
    body = b""
    for address, known_as in names.items():
        value = bytes(map(int, address.split(".")))
        value += b"".join(name.encode() + b"\0" for name in known_as)
        body += _OPTION.pack(_RECORD_IPV4, len(value)) + _padded(value)
    return _block(NAME_RESOLUTION, body + _OPTION.pack(0, 0))


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    """3.5: each with its length, the last one empty."""
    written = [_OPTION.pack(code, len(value)) + _padded(value) for code, value in options]
    return b"".join([*written, _OPTION.pack(0, 0)])


def _block(kind: int, body: bytes) -> bytes:
    """3.1: the length stands before and behind."""
    length = len(body) + 12
    return _HEAD.pack(kind, length) + body + _WORD.pack(length)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
