"""Forms, byte for byte."""

from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.moodle.multipart import decode, encode


def test_a_body_looks_like_that_of_curl():
    content_type, body = encode([(b"alert", b"caf\xc3"), (b"id", b"77")])

    boundary = content_type.removeprefix("multipart/form-data; boundary=")
    assert boundary.startswith("-" * 24)
    assert len(boundary) == 24 + 16
    mark = b"--" + boundary.encode()
    assert body == (
        mark + b'\r\nContent-Disposition: form-data; name="alert"\r\n\r\ncaf\xc3\r\n'
        + mark + b'\r\nContent-Disposition: form-data; name="id"\r\n\r\n77\r\n'
        + mark + b"--\r\n"
    )  # fmt: skip


def test_every_body_has_a_boundary_of_its_own():
    assert encode([])[0] != encode([])[0]


@given(st.lists(st.text("ab\r\n-: é", max_size=50), min_size=1, max_size=5))
def test_another_reader_finds_the_same_values(values):
    fields = [(b"f%d" % number, value.encode()) for number, value in enumerate(values)]
    content_type, body = encode(fields)
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    names = [part.get_param("name", header="Content-Disposition") for part in message.walk()][1:]
    assert names == [name.decode() for name, _ in fields]
    assert list(decode(content_type, body)) == fields


GOOD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("content_type", "body", "fields"),
    [
        ("multipart/form-data; boundary=x", GOOD, [(b"a", b"1")]),
        ('multipart/form-data; charset=utf-8; boundary="x"', GOOD, [(b"a", b"1")]),
        ("multipart/form-data", GOOD, []),
        ("multipart/form-data; boundary=y", GOOD, []),
        ("multipart/form-data; boundary=x", GOOD.replace(b'"', b""), [(b"a", b"1")]),
        ("multipart/form-data; boundary=x", GOOD.replace(b"name", b"nam"), []),
        ("multipart/form-data; boundary=x", GOOD.replace(b'"a"', b'"a"; filename="b"'), []),
        ("multipart/form-data; boundary=x", GOOD.replace(b"\r\n\r\n", b"\r\n"), []),
        ("multipart/form-data; boundary=x", b"preamble\r\n" + GOOD + b"epilogue", [(b"a", b"1")]),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense", []),
        ("multipart/form-data; boundary=x", b"", []),
    ],
)
def test_what_is_broken_in_a_body_is_passed_over(content_type, body, fields):
    assert list(decode(content_type, body)) == fields


@given(st.binary() | st.text('-x\r\n:;="name', max_size=80).map(str.encode))
def test_no_body_is_an_error(body):
    for name, value in decode("multipart/form-data; boundary=x", body):
        assert isinstance(name, bytes)
        assert isinstance(value, bytes)
