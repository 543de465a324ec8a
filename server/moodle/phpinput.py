"""What PHP would find in `$_GET` and `$_POST` of a request."""

from itertools import islice

from aiohttp import web

from server.moodle.multipart import decode
from server.moodle.phpargs import PhpArray, PhpValue, parse, register


async def read_input(request: web.Request, max_vars: int) -> tuple[PhpArray, PhpArray]:
    """The variables of the query string and those of the body.

    A body of another type than a form, or a broken multipart body, holds no variables. A body over
    the application's limit raises aiohttp's 413.
    """
    query = request.rel_url.raw_query_string
    get = parse(query, max_vars=max_vars) if query else PhpArray()
    if request.method != "POST":
        return get, PhpArray()
    given = request.headers.get("Content-Type", "")
    # Not `request.content_type`: aiohttp takes a second to read 8 KiB of semicolons there.
    kind = given.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        body = (await request.read()).decode("utf-8", "surrogateescape")
        return get, parse(body, max_vars=max_vars)
    if kind == "multipart/form-data":
        post = PhpArray()
        fields = decode(given, await request.read())
        for name, value in islice(fields, max_vars):
            register(post, *(text.decode("utf-8", "surrogateescape") for text in (name, value)))
        return get, post
    return get, PhpArray()


def scalar(variables: PhpArray, name: str) -> str:
    """A variable that has to be text; empty if absent or an array."""
    value: PhpValue | None = variables.get(name)
    return value if isinstance(value, str) else ""


def merged(get: PhpArray, post: PhpArray) -> PhpArray:
    """Both in one, where the body wins."""
    if not get:
        return post
    get.update(post)
    return get
