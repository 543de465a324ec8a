"""What a server writes into its log."""

import json
import logging

from aiohttp.http_exceptions import BadHttpMessage

from server.logs import JsonFormatter


def logged(error: Exception) -> str:
    try:
        raise error
    except Exception as caught:
        about = (type(caught), caught, caught.__traceback__)
        record = logging.LogRecord(
            "aiohttp.server", logging.ERROR, "", 0, "Error handling request", None, about
        )
    return JsonFormatter().format(record)


def test_what_a_client_sent_that_is_no_http_does_not_stand_in_the_log() -> None:
    line = logged(BadHttpMessage("Invalid header token: b'X-AN-APP-KEY\x80: hush-hush'"))
    assert "hush" not in line
    assert json.loads(line)["error"] == "BadHttpMessage"


def test_a_mistake_of_ours_stands_in_the_log_with_its_traceback() -> None:
    assert "ZeroDivisionError" in json.loads(logged(ZeroDivisionError()))["traceback"]
