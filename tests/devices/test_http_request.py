"""The bytes of the requests that devices make."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.http_request import encode, urlencoded

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_a_request_has_its_lines_in_this_order() -> None:
    origin, path, data = encode(
        "POST",
        "https://site:8443/a?token=1",
        user_agent="test",
        headers={"X-One": "1", "X-Two": "ü"},
        form={"a b": "c&d"},
    )
    assert (origin, path) == (("https", "site", 8443), "/a")
    assert data == (
        b"POST /a?token=1 HTTP/1.1\r\nHost: site:8443\r\nUser-Agent: test\r\n"
        b"X-One: 1\r\nX-Two: \xfc\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na+b=c%26d"
    )


@pytest.mark.parametrize(
    ("address", "target", "host"),
    [
        ("http://server", "/", "server"),
        ("http://server:8080", "/", "server:8080"),
        ("http://server/a/b?c=d&e=%20f", "/a/b?c=d&e=%20f", "server"),
        ("http://server?q", "/?q", "server"),
        ("http://server/?", "/", "server"),
        ("http://server/a?b?c/d//e#fragment", "/a?b?c/d//e", "server"),
        ("http://server#fragment?no", "/", "server"),
    ],
)
def test_an_address_is_split_as_the_standard_says(address: str, target: str, host: str) -> None:
    _, _, data = encode("GET", address, user_agent="test")
    assert data == f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\n\r\n".encode()


@pytest.mark.parametrize("address", ["", "site", "/path", "http://", "http:///x", "ftp://site/x"])
def test_what_is_no_http_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"not an http\(s\) address"):
        encode("GET", address, user_agent="test")


@pytest.mark.parametrize("text", ["\n", "\r", "a\r\nX-Other: b"])
def test_a_line_break_cannot_add_a_header(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode("GET", f"http://site/{text}", user_agent="test")
    with pytest.raises(ValueError, match="line break"):
        encode("GET", "http://site/", user_agent="test", headers={"X-Key": text})


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_a_form_is_encoded_as_the_standard_library_does(pairs: list[tuple[str, str]]) -> None:
    assert urlencoded(pairs) == urlencode(pairs).encode()
    assert urlencoded(dict(pairs)) == urlencode(dict(pairs)).encode()
