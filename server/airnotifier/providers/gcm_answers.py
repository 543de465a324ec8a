"""Reading what Google's GCM HTTP server answers. No I/O.

Source: Google, "GCM HTTP connection server", response format, error codes and "Implementing
exponential back-off": a 200 answer has one result for each registration id, in the same order; 5xx
and the result `Unavailable` are to be asked again, obeying `Retry-After` (seconds or a date).
"""

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from server import clock

REMOVE_TOKEN = ("NotRegistered", "InvalidRegistration")
ASK_AGAIN = ("Unavailable", "InternalServerError", "DeviceMessageRateExceeded")
MAX_RETRY_AFTER = 86_400.0


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


def _result(result: dict[str, Any]) -> Result:
    error = result.get("error")
    if error is not None:
        return Result(error=str(error))
    canonical = result.get("registration_id")
    return Result(
        message_id=str(result["message_id"]),
        canonical=None if canonical is None else str(canonical),
    )


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for; None where it is absent or unreadable."""
    if value is None:
        return None
    try:
        if value.strip().isdecimal():
            seconds = float(value)
        else:
            seconds = parsedate_to_datetime(value).timestamp() - clock.now()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)
