"""The log of an external gateway on the timeline: as it comes in, bounded, and without secrets."""

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import simpy

from devices.tokens import token_ref
from scenarios.engine.leaks import Secret
from scenarios.engine.world.gateway_log import LINES_A_SECOND, LONGEST, POLL, GatewayLog
from sim.live.world import LiveWorld

TOKEN = "00112233445566778899aabbccddeeff" * 2
ANDROID = "APA91b" + "x:y_z-7" * 20
SECRETS = [Secret("text of message 1", "Lab at ten & more"), Secret("site's access key", "s" * 32)]


def events(path: Path, *writes: bytes | None) -> list[str]:
    """What is recorded of a file that has these written to it, one after the other; None: it is
    replaced by an empty one."""
    with LiveWorld(1) as world:
        kept = world.trace.keep()
        log = GatewayLog(path, world, "gateway", lambda: SECRETS)

        def write() -> Generator[simpy.Event, Any, None]:
            for data in writes:
                if data is None:
                    path.rename(path.with_suffix(".old"))
                    path.touch()
                else:
                    with path.open("ab") as file:
                        file.write(data)
                log.look()
                yield world.env.timeout(0)

        world.run(write())
        log.close()
    assert {event["host"] for event in kept} <= {"gateway"}
    return [event["text"] for event in kept if event["kind"] == "gateway.log"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.log"
    path.write_text("of an earlier run\n")
    return path


def test_lines_come_in_when_they_are_complete_and_those_of_before_are_left_alone(log: Path) -> None:
    assert events(log, b"one\ntw", b"o\nthree") == ["one", "two", "three"]


def test_it_follows_by_itself(log: Path) -> None:
    with LiveWorld(1) as world:
        kept = world.trace.keep()
        follower = GatewayLog(log, world, "gateway", lambda: ())
        world.env.process(follower.follow())
        with log.open("a") as file:
            file.write("online\n")
        world.run(world.env.timeout(POLL * 3))
        follower.close()
    assert [event["text"] for event in kept] == ["online"]


def test_a_file_that_is_cut_or_replaced_is_read_from_its_beginning(log: Path) -> None:
    assert events(log, b"one\n", None, b"two\n") == ["one", "two"]
    log.write_text("long " * 100)
    with LiveWorld(1) as world:
        kept = world.trace.keep()
        follower = GatewayLog(log, world, "gateway", lambda: ())
        os.truncate(log, 0)
        log.write_text("again\n")
        follower.close()
    assert [event["text"] for event in kept] == ["again"]


def test_tokens_become_their_references_and_keys_and_texts_are_hidden(log: Path) -> None:
    lines = [
        f"200 POST /tokens/{TOKEN} (127.0.0.1) 0.49ms",
        f"200 POST /tokens/{TOKEN.upper()}?device=ios",
        f"to {ANDROID.replace(':', '%3A')}",
        f"access key: {'s' * 32}, other key: 0123456789abcdef0123456789abcdef",
        "alert Lab at ten & more; Lab+at+ten+%26+more",
        "2026-12-01T15:10:11 POST_NOTIFICATIONS_HANDLER 127.0.0.1:35486",
        "a\x1b[2Jb",
    ]
    assert events(log, "".join(f"{line}\n" for line in lines).encode()) == [
        f"200 POST /tokens/<token {token_ref(TOKEN)}> (127.0.0.1) 0.49ms",
        f"200 POST /tokens/<token {token_ref(TOKEN)}>?device=ios",
        f"to <token {token_ref(ANDROID)}>",
        "access key: <site's access key>, other key: ***",
        "alert <text of message 1>; <text of message 1>",
        "2026-12-01T15:10:11 POST_NOTIFICATIONS_HANDLER 127.0.0.1:35486",
        "a\N{REPLACEMENT CHARACTER}[2Jb",
    ]


def test_of_a_traceback_the_exception_is_kept(log: Path) -> None:
    text = b"""[E 141110 09:38:54 web:1121] Uncaught exception POST /broadcast/
    Traceback (most recent call last):
      File "web.py", line 1021, in execute
        method(self)
    TypeError: send_broadcast() takes exactly 3 arguments
[I 141110 09:38:56 apns:222] online
"""
    assert events(log, text) == [
        "[E 141110 09:38:54 web:1121] Uncaught exception POST /broadcast/",
        "    TypeError: send_broadcast() takes exactly 3 arguments",
        "[I 141110 09:38:56 apns:222] online",
    ]


def test_of_a_flood_the_beginning_is_kept_and_the_rest_counted(log: Path) -> None:
    found = events(log, b"offline\n" * 1000, b"x" * 5000 + b"\n")
    assert found[:LINES_A_SECOND] == ["offline"] * LINES_A_SECOND
    assert len(found) <= 2 * (LINES_A_SECOND + 1)
    assert any(line.endswith("more lines, left out)") for line in found)
    [long] = events(log, b"y " * 5000 + b"\n")
    assert len(long) == LONGEST
    began = time.monotonic()
    megabytes = events(log, b"z\n" * 200_000)
    assert len(megabytes) <= (2 + time.monotonic() - began) * (LINES_A_SECOND + 1)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name in ("missing", "pipe", "directory"):
        with LiveWorld(1) as world, pytest.raises(OSError, match=name):
            GatewayLog(tmp_path / name, world, "gateway", lambda: ())
