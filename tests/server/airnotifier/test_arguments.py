"""Reading arguments from query strings, forms, multipart forms and JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.airnotifier.arguments import MAX_DEPTH, read_arguments
from server.airnotifier.errors import InvalidRequest
from server.airnotifier.multipart import MultipartError, boundary_of, parse_multipart
from server.airnotifier.providers.apns.payload import apns_payload

BODY = (
    b"preamble\r\n--xYz\r\n"
    b'Content-Disposition: form-data; name="alert"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\nB\r\n--xYz\r\n'
    b"Content-Type: text/plain\r\ncontent-disposition: form-data; name=date\r\n\r\n\r\n--xYz--\r\n"
)


def test_a_multipart_body_as_curl_writes_it() -> None:
    assert parse_multipart(BODY, "xYz", max_parts=2) == [("alert", "Grüße\r\nB"), ("date", "")]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="a b"', "a b"),
        ("multipart/form-data", ""),
        ("application/json", None),
    ],
)
def test_the_boundary_is_found_in_the_content_type(content_type: str, boundary: str | None) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xYz",
        BODY[:-6],
        BODY.replace(b"name=", b"label="),
        BODY.replace(b"isposition", b"escription"),
        BODY.replace(b"date\r\n\r\n", b"date\r\n"),
        BODY.replace(b"name=date", b'name="date"; filename="x"'),
        BODY.replace(b"--xYz\r\nCon", b"--xYz no\r\nCon"),
    ],
)
def test_a_broken_multipart_body_is_an_error(body: bytes) -> None:
    with pytest.raises(MultipartError):
        parse_multipart(body, "xYz", max_parts=2)


def test_too_many_parts_are_an_error() -> None:
    with pytest.raises(MultipartError, match="too many"):
        parse_multipart(BODY, "xYz", max_parts=1)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n%')),
            st.text(st.characters(codec="utf-8")),
        ),
        max_size=5,
    )
)
def test_multipart_fields_survive(fields: list[tuple[str, str]]) -> None:
    parts = [
        f'--B0undary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
        if "--B0undary" not in value
    ]
    body = "".join([*parts, "--B0undary--\r\n"]).encode()
    assert parse_multipart(body, "B0undary", max_parts=5) == fields


@given(st.text("a=&{}[]\"':,%7Bb \n\\ud800", max_size=60), st.binary(max_size=60))
def test_reading_never_raises(query: str, body: bytes) -> None:
    for content_type in ("", "application/json", "multipart/form-data; boundary=a"):
        read_arguments(query, content_type, body)


def test_values_are_stripped_and_the_last_wins() -> None:
    arguments = read_arguments("a=1&b=+x+", "", b"a=2&a=+3+")
    assert arguments.values == {"a": "3", "b": "x"}


def test_text_that_is_cut_inside_a_character_is_kept_with_a_replacement() -> None:
    assert read_arguments("", "", b"alert=gr%C3").values == {"alert": "gr\ufffd"}


def test_lists_come_repeated_or_as_json_and_a_comma_is_part_of_a_name() -> None:
    assert read_arguments("c=x,%20y&c=x&c=", "", b"").texts("c") == ["x, y", "x"]
    assert read_arguments("", "", b'{"c": ["x", " y,z ", 1]}').texts("c") == ["x", "y,z", "1"]
    assert read_arguments("c=x", "", b'{"c": "y", "c": "z"}').texts("c") == ["x", "y", "z"]
    assert read_arguments("", "", b"").texts("c") == []
    with pytest.raises(InvalidRequest, match="text expected"):
        read_arguments("", "", b'{"c": [["x"]]}').texts("c")


def test_json_numbers_count_as_text_where_text_is_wanted_and_true_does_not() -> None:
    arguments = read_arguments("", "application/json", b'{"badge": 5, "sound": true, "x": null}')
    assert arguments.text("badge") == "5"
    assert read_arguments("", "", b'{"alert": 1.50}').text("alert") == "1.50"
    assert arguments.text("x") is None
    with pytest.raises(InvalidRequest, match="Invalid argument sound"):
        arguments.text("sound")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "[1e999]", "Infinity", "NaN"])
def test_a_number_that_json_cannot_carry_on_is_malformed(number: str) -> None:
    arguments = read_arguments("", "", f'{{"n": {number}}}'.encode())
    assert arguments.malformed == "Malformed JSON: not valid"


@pytest.mark.parametrize("depth", [*range(1, 70), *range(900, 1010), 30_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_json_is_as_deep_as_can_be_written_again_or_malformed(
    start: str, end: str, depth: int
) -> None:
    body = f'{{"alert": "x", "custom": {start * depth}1{end * depth}}}'
    arguments = read_arguments("", "application/json", body.encode())
    if depth < MAX_DEPTH - 1:
        assert arguments.malformed is None
        assert apns_payload("x", None, None, arguments.values, limit=2048)
    else:
        assert arguments.malformed == "Malformed JSON: not valid"
