"""How our servers ask others: nothing is kept between answers, and heads of answers are bounded."""

from typing import Any

import aiohttp

LONGEST_LINE = 8190
"""Bytes of a status line or of one header, as our servers take of a request."""
MOST_HEADERS = 100
"""Of an answer; push services send about ten. So a head has at most 800 KiB."""


def client_session(timeout: aiohttp.ClientTimeout, **options: Any) -> aiohttp.ClientSession:
    """A session without cookies, which unpacks nothing: the size of the result has no limit.

    `options` are ClientSession's.
    """
    return aiohttp.ClientSession(
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
        max_headers=MOST_HEADERS,
        **options,
    )
