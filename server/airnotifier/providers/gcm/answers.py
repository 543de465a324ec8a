"""Reading what Google's GCM HTTP server answers. No I/O.

Source: Google, "GCM HTTP connection server", response format, error codes and "Implementing
exponential back-off": a 200 answer has one result for each registration id, in the same order; 5xx
and the result `Unavailable` are to be asked again, obeying `Retry-After` (seconds or a date).

Only the results count: the sums beside them (`success`, `failure`, `canonical_ids`) are not read,
since nothing would follow from a difference.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from server import clock
from server.airnotifier.targets import is_opaque_token

REMOVE_TOKEN = ("NotRegistered", "InvalidRegistration")
ASK_AGAIN = ("Unavailable", "InternalServerError", "DeviceMessageRateExceeded")
MAX_RETRY_AFTER = 86_400.0
"""Seconds. A server that asks for more is asked again after a day all the same."""
MAX_ANSWER = 8 << 20
"""Bytes. A thousand results with canonical ids of 4 KiB each are half of it."""
MAX_NAME = 255
"""Characters of a message id or an error; those that Google documents have at most 40."""

_SECONDS = re.compile("[0-9]+")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one registration id: a message id (perhaps with the canonical id to use from
    now on), or an error name."""

    message_id: str | None = None
    canonical: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`done`: look at the results. `refused`: this request will never work. `later`: the server
    has a problem, or our set-up has (a wrong key), which the next pushes will have as well."""

    kind: Literal["done", "refused", "later"]
    reason: str = ""
    results: tuple[Result, ...] = ()


def read_answer(status: int, body: bytes, expected: int) -> Answer:
    """Understand a response to a request with `expected` registration ids."""
    if status == 200:
        results = _results(body)
        if results is None or len(results) != expected:
            return Answer("later", "malformed_answer")
        return Answer("done", results=results)
    if status in (400, 413):
        return Answer("refused", f"http_{status}")
    return Answer("later", f"http_{status}")


def _results(body: bytes) -> tuple[Result, ...] | None:
    try:
        results = json.loads(body)["results"]
        return tuple(_result(result) for result in results)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _result(result: Any) -> Result:
    """Raises ValueError, KeyError or TypeError for what is no result. A canonical id that cannot be
    one is left out: the message was accepted all the same."""
    if not isinstance(result, dict):
        raise TypeError("a result is not an object")
    error = result.get("error")
    if error is not None:
        return Result(error=_name(error))
    canonical = result.get("registration_id")
    return Result(
        message_id=_name(result["message_id"]),
        canonical=canonical if is_opaque_token(canonical) else None,
    )


def _name(value: object) -> str:
    """A message id (a text, or a number as for topics) or the name of an error."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise ValueError("neither a message id nor an error")
    return value


def retry_after(value: str | None, date: str | None) -> float:
    """Seconds that a Retry-After header asks for, from 0 to MAX_RETRY_AFTER; 0 where it is absent,
    unreadable or over.

    A date in it is reckoned from the answer's own `date` (the Date header), since the two clocks
    may differ; from this machine's clock only if there is none.
    """
    if value is None:
        return 0.0
    if _SECONDS.fullmatch(value.strip()):
        return min(float(value), MAX_RETRY_AFTER)
    until = _seconds_of(value)
    if until is None:
        return 0.0
    answered = None if date is None else _seconds_of(date)
    seconds = until - (clock.now() if answered is None else answered)
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _seconds_of(date: str) -> float | None:
    """Unix seconds of an HTTP date in any of its three forms (RFC 9110, 5.6.7); None if it is
    none."""
    try:
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:  # asctime's form names no zone, and means UTC
            moment = moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
