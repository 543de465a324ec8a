"""What the app and a browser's owner both ask of a Moodle site over its web services.

`login/token.php` gives a token for a user name and a password; `webservice/rest/server.php` runs
a function (Moodle 2.4 to 2.6, REST with JSON). Both answer 200 whatever happened: an error is
told in the body.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import simpy

from devices.errors import UnexpectedAnswer
from devices.http import HttpClient, Response


@dataclass(frozen=True, slots=True)
class Refused:
    """The site said no. `code` is empty where Moodle of 2013 gives none (token.php)."""

    status: int
    code: str
    message: str


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
    url = f"{site_url}/login/token.php"
    if in_query:
        query = urlencode({"type": "POST", **fields})
        response: Response = yield http.request("GET", f"{url}?{query}", timeout=timeout)
    else:
        response = yield http.request("POST", url, form=fields, timeout=timeout)
    answer = read_json(response)
    if isinstance(answer, dict) and isinstance(answer.get("token"), str):
        return str(answer["token"])
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        return Refused(response.status, str(answer.get("errorcode") or ""), answer["error"])
    raise UnexpectedAnswer(f"token.php answered {response.status} without token or error")


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
        f"{site_url}/webservice/rest/server.php?wstoken={token}&moodlewsrestformat=json",
        form={"wsfunction": function, **arguments},
        timeout=timeout,
        traced_path=f"/webservice/rest/server.php?wsfunction={function}",
    )
    answer = read_json(response)
    if isinstance(answer, dict) and "exception" in answer:
        code, message = str(answer.get("errorcode", "")), str(answer.get("message", ""))
        return Refused(response.status, code, message)
    return answer


def read_json(response: Response) -> Any:
    """The body as JSON. Raises UnexpectedAnswer, which shows nothing of the body."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        size = len(response.body)
        text = f"status {response.status} with {size} bytes that are not JSON"
        raise UnexpectedAnswer(text) from None
