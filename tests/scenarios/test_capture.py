"""A capture of the invalid-token scenario shows, in Wireshark's own words, why pushes are lost."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.running.inspectors import CAPTURE
from tests.sim.trace.reading_pcapng import Capture, read

APNS = 2195
IDENTIFIER_LENGTH = 4
ERROR_PACKET = b"\x08\x08"
"""Command 8, status 8 (invalid token), of the error packet of APNs' enhanced format."""

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="there is no tshark here")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a cell in which the gateway sends again what a bad token cost."""
    here = tmp_path_factory.mktemp("capture")
    assert (
        main(["run", "faults/invalid_token.yaml", "--seed", "1", "--pcap", "--runs", str(here)])
        == 0
    )
    [record] = here.glob("invalid_token-replay-37-1-*")
    return record


@pytest.fixture(scope="module")
def capture(recorded: Path) -> Capture:
    return read(recorded / CAPTURE)


@pytest.fixture(scope="module")
def tshark(recorded: Path) -> Callable[..., list[str]]:
    """Runs tshark on the capture and gives its lines."""

    def run(*arguments: str) -> list[str]:
        command = ["tshark", "-r", str(recorded / CAPTURE), "-d", f"tcp.port=={APNS},tls"]
        ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
        return ended.stdout.splitlines()

    return run


def test_the_digest_is_the_same_without_a_capture(recorded: Path, tmp_path: Path) -> None:
    assert main(["run", "faults/invalid_token.yaml", "--seed", "1", "--runs", str(tmp_path)]) == 0
    assert (tmp_path / recorded.name).is_dir()
    assert not (tmp_path / recorded.name / CAPTURE).exists()


def test_push_service_and_gateway_are_named(capture: Capture) -> None:
    names = [name for known in capture.names.values() for name in known]
    assert {"gateway", "push.example", "apns", "gateway.push.apple.com"} <= set(names)


def test_the_service_ends_the_connection_on_which_the_bad_token_came(capture: Capture) -> None:
    opened = [p for p in capture.packets if p.target[1] == APNS and p.flags == "S"]
    assert len(opened) == 2, "one that is closed, and one on which all is sent again"
    first = opened[0]
    ended = [p for p in capture.packets if p.source == first.target and p.target == first.source]
    assert "F" in ended[-1].flags or "R" in ended[-1].flags
    again = [p for p in capture.packets if p.source == opened[1].source and p.data]
    assert ended[-1].time < again[0].time, "what is sent again comes after that"


@needs_tshark
def test_the_error_packet_is_there_in_clear(tshark: Callable[..., list[str]]) -> None:
    followed = tshark("-q", "-z", f"follow,tls,raw,{_stream(tshark)}")
    # What the other side said is indented by a tab.
    said = [
        bytes.fromhex(line.strip())
        for line in followed
        if set(line.strip()) <= set("0123456789abcdef")
    ]
    errors = [data for data in said if data.startswith(ERROR_PACKET)]
    assert [len(data) for data in errors] == [len(ERROR_PACKET) + IDENTIFIER_LENGTH]


@needs_tshark
def test_tshark_finds_no_fault_with_the_packets(tshark: Callable[..., list[str]]) -> None:
    checked = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    bad = "tcp.checksum.status == 0 or ip.checksum.status == 0 or tcp.analysis.lost_segment"
    assert tshark(*checked, "-Y", bad) == []


def _stream(tshark: Callable[..., list[str]]) -> str:
    """The number of the gateway's first connection to the push service."""
    return tshark("-Y", f"tcp.dstport == {APNS}", "-T", "fields", "-e", "tcp.stream")[0]
