"""What servers write about themselves: no text of a library, and no line that breaks another."""

import io
import json
import logging

from aiohttp.http_exceptions import BadHttpMessage

from server.logs import EventLog, JsonFormatter, LogStream, place


def test_of_a_library_s_message_only_its_place_and_the_kind_of_error_are_written() -> None:
    try:
        raise ValueError("Bad status line 'wstoken=secret'")
    except ValueError as error:
        record = logging.LogRecord(
            "aiohttp.server", logging.ERROR, "web_protocol.py", 7, "secret %s", ("secret",),
            (ValueError, error, error.__traceback__),
        )  # fmt: skip
    line = JsonFormatter().format(record)
    assert "secret" not in line
    written = json.loads(line)
    assert (written["event"], written["where"]) == ("library.message", "web_protocol, line 7")
    assert written["error"].startswith("ValueError in test_of_a_library")


def test_what_a_client_sent_that_is_no_http_does_not_stand_in_the_log() -> None:
    error = BadHttpMessage("Invalid header token: b'X-AN-APP-KEY\x80: hush-hush'")
    record = logging.LogRecord(
        "aiohttp.server", logging.ERROR, "", 0, "Error", None, (BadHttpMessage, error, None)
    )
    line = JsonFormatter().format(record)
    assert "hush" not in line
    assert json.loads(line)["error"] == "BadHttpMessage"


def test_an_error_is_told_by_its_kind_and_its_place() -> None:
    assert place(None) is None
    assert place(ValueError("secret")) == "ValueError"


class FullDisk(io.StringIO):
    """A file that takes nothing while its disk is full."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_lines_that_do_not_fit_are_counted_and_the_next_one_that_does_tells() -> None:
    disk = FullDisk()
    logger = logging.getLogger("lines-that-do-not-fit")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LogStream(disk))
    logger.info("one")
    disk.full = True
    for _ in range(3):
        logger.info("lost")
    disk.full = False
    logger.info("two")
    lines = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["library.message", "log.lost", "library.message"]
    assert lines[1]["lines"] == 3


def test_what_happens_often_is_written_seldom() -> None:
    log = EventLog("seldom-test")
    seen: list[object] = []
    logger = logging.getLogger("seldom-test")
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(record.__dict__["fields"])  # type: ignore[method-assign]
    logger.addHandler(handler)
    for _ in range(5):
        log.seldom("request.malformed", peer="x")
    logger.removeHandler(handler)
    assert seen == [{"peer": "x", "unlogged": 0}]
