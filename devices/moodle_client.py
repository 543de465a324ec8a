"""What the app and a browser's owner both ask of a Moodle site over its web services.

`login/token.php` gives a token for a user name and a password; `webservice/rest/server.php` runs
a function (Moodle 2.4 to 2.6, REST with JSON). Both answer 200 whatever happened: an error is
told in the body.
"""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import simpy

from devices.errors import UnexpectedAnswer
from devices.http import HttpClient, Response

TOKEN_PATH = "/login/token.php"
REST_PATH = "/webservice/rest/server.php"

_ALERT = re.compile('role="alert">([^<>]*)<')
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Refused:
    """The site said no. `code` is empty where Moodle of 2013 gives none (token.php), and where
    something else than Moodle refused. `path`: what was asked."""

    status: int
    code: str
    message: str
    path: str

    def __str__(self) -> str:
        return f"{self.path} answered {self.status}: {self.message}"


def get_token(
    http: HttpClient,
    site_url: str,
    username: str,
    password: str,
    *,
    service: str,
    in_query: bool,
    timeout: float,
) -> Generator[simpy.Event, Any, str | Refused]:
    """Log in. `in_query`: as the app of May 2013 did it, a GET with everything in the address."""
    fields = {"username": username, "password": password, "service": service}
    url = site_url + TOKEN_PATH
    if in_query:
        query = urlencode({"type": "POST", **fields})
        response: Response = yield http.request("GET", f"{url}?{query}", timeout=timeout)
    else:
        response = yield http.request("POST", url, form=fields, timeout=timeout)
    if response.status != 200:
        return Refused(response.status, "", reason_in(response), TOKEN_PATH)
    answer = _read_json(response, TOKEN_PATH)
    if isinstance(answer, dict) and isinstance(answer.get("token"), str):
        return str(answer["token"])
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        code = str(answer.get("errorcode") or "")
        return Refused(response.status, code, answer["error"], TOKEN_PATH)
    raise UnexpectedAnswer(f"{TOKEN_PATH} answered {response.status} without token or error")


def call(
    http: HttpClient,
    site_url: str,
    token: str,
    function: str,
    arguments: Mapping[str, str],
    *,
    timeout: float,
) -> Generator[simpy.Event, Any, Any]:
    """Run a web service function; its JSON result, or `Refused`.

    `arguments` use PHP's bracket notation (`device[appname]`), every value a text.
    """
    response: Response = yield http.request(
        "POST",
        f"{site_url}{REST_PATH}?wstoken={token}&moodlewsrestformat=json",
        form={"wsfunction": function, **arguments},
        timeout=timeout,
        traced_path=f"{REST_PATH}?wsfunction={function}",
    )
    if response.status != 200:
        return Refused(response.status, "", reason_in(response), REST_PATH)
    answer = _read_json(response, REST_PATH)
    if isinstance(answer, dict) and "exception" in answer:
        code, message = str(answer.get("errorcode", "")), str(answer.get("message", ""))
        return Refused(response.status, code, message, REST_PATH)
    return answer


def reason_in(response: Response) -> str:
    """Why an answer is a refusal, in the server's words: the error of a JSON body, or what a page
    of Moodle warns of; the target of a redirect; else what kind of answer it is. Empty if nothing
    in it speaks of an error.
    """
    location = response.header("location")
    if 300 <= response.status < 400 and location is not None:
        return f"a redirect to {urlsplit(location).path}"
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        for name in ("error", "message"):
            if isinstance(document.get(name), str) and document[name]:
                return str(document[name])[:_LONGEST_REASON]
    alert = _ALERT.search(response.text()) if document is None else None
    if alert is not None:
        return unescape(alert[1]).strip()[:_LONGEST_REASON]
    return "" if response.status == 200 else f"{len(response.body)} bytes without a reason"


def _read_json(response: Response, path: str) -> Any:
    """The body as JSON. Raises UnexpectedAnswer, which shows nothing of the body."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        size = len(response.body)
        text = f"{path} answered {response.status} with {size} bytes that are not JSON"
        raise UnexpectedAnswer(text) from None
