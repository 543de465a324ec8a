"""Answers of the REST server: JSON or XML, and the headers that go with them."""

from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web
from multidict import CIMultiDict

from server.moodle import php_json
from server.moodle.errors import MoodleError

_COMMON = {
    "Cache-Control": "private, must-revalidate, pre-check=0, post-check=0, max-age=0",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Pragma": "no-cache",
    "Accept-Ranges": "none",
}
_JSON = CIMultiDict({"Content-Type": "application/json", **_COMMON})
_XML = CIMultiDict(
    {
        "Content-Type": "application/xml; charset=utf-8",
        "Content-Disposition": 'inline; filename="response.xml"',
        **_COMMON,
    }
)
_PROLOGUE = '<?xml version="1.0" encoding="UTF-8" ?>\n'


def answer(result: Any, *, json: bool) -> web.Response:
    """A function's result. Status 200, as for errors."""
    if json:
        return _response(php_json.encode(result), _JSON)
    return _response(f"{_PROLOGUE}<RESPONSE>\n{_xml(result)}</RESPONSE>\n", _XML)


def error(problem: MoodleError, *, json: bool) -> web.Response:
    """An exception. Never with `debuginfo`: debugging is off."""
    if json:
        body = php_json.encode(
            {
                "exception": problem.exception,
                "errorcode": problem.code,
                "message": problem.message,
            }
        )
        return _response(body, _JSON)
    return _response(
        f'{_PROLOGUE}<EXCEPTION class="{problem.exception}">\n'
        f"<ERRORCODE>{_text(problem.code)}</ERRORCODE>\n"
        f"<MESSAGE>{_text(problem.message)}</MESSAGE>\n</EXCEPTION>\n",
        _XML,
    )


def _response(body: str, headers: "CIMultiDict[str]") -> web.Response:
    return web.Response(body=body.encode(), headers=headers)


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        keys = "".join(f'<KEY name="{name}">{_xml(item)}</KEY>\n' for name, item in value.items())
        return f"<SINGLE>\n{keys}</SINGLE>\n"
    if isinstance(value, list):
        return f"<MULTIPLE>\n{''.join(map(_xml, value))}</MULTIPLE>\n"
    if value is None:
        return '<VALUE null="null"/>\n'
    if isinstance(value, bool):
        value = int(value)
    return f"<VALUE>{_text(str(value))}</VALUE>\n"


def _text(text: str) -> str:
    return escape(text, {'"': "&quot;"})
