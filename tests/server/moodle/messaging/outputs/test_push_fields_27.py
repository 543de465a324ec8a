"""The fields of a push of Moodle 2.7. The vectors were made with the original."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.moodle.messaging.outputs.push_fields_27 import (
    allowance,
    escaped,
    platform_of,
    push_fields,
    site_id,
    truncate,
)
from server.moodle.settings import SiteSettings
from tests.server.moodle.messaging.outputs.test_airnotifier import TOKEN, enable

SITE = site_id("http://site.test/moodle", "bob")
ANDROID = "APA91b" + "x" * 134


def test_the_site_of_the_vectors_and_the_room_that_it_leaves():
    assert SITE == "c83b68608bd43cee90321b8ab6c3da4c"
    assert allowance(SITE, "moodle_instantmessage", "Ann Sender") == 73


@pytest.mark.parametrize(
    ("text", "alert"),
    [
        ('a <b> & "q"\nline2', "a &lt;b&gt; &amp; &quot;q&quot;\nline2"),
        ("x" * 300, "x" * 69 + "..."),
        ("é" * 60, "é" * 60),
        ("é" * 75, "..."),
        ("é" * 300, "..."),
        ('"' * 30, ("&quot;" * 30)[:69] + "..."),
        ("x" * 72, "x" * 72),
        ("x" * 73, "x" * 69 + "..."),
    ],
)
def test_the_vectors_of_the_original(text, alert):
    assert truncate(escaped(text), 73) == alert


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("it's", "it&#039;s"),
        ("&#8364; &#x20AC; &#x27; &amp; &#; &#xyz;",
         "&#8364; &#x20AC; &#x27; &amp;amp; &amp;#; &amp;#xyz;"),
        ("", ""),
    ],
)  # fmt: skip
def test_numeric_entities_are_kept_and_all_else_is_escaped(text, html):
    assert escaped(text) == html


@pytest.mark.parametrize(
    ("token", "platform"),
    [(TOKEN, "iOS"), (TOKEN.upper(), "iOS"), (ANDROID, "Android"), ("g" * 64, "Android")],
)
def test_a_token_tells_its_platform(token, platform):
    assert platform_of(token) == platform


TEXT = st.characters(codec="utf-8")


@given(st.text(TEXT, max_size=300), st.text(TEXT, max_size=100))
def test_the_alert_is_the_text_or_a_beginning_of_it_with_dots(text, name):
    (_, alert), *_ = push_fields(
        text=text, date=1, site=SITE, kind="a_b", userfrom=name, platform="iOS"
    )
    told, whole = alert.decode(), escaped(text)
    assert told == whole or (told.endswith("...") and whole.startswith(told[:-3]))


@pytest.mark.parametrize("token", [TOKEN, ANDROID])
def test_a_push_has_the_parts_of_2_7_in_their_order(stand, token):
    stand.settings["generation"] = "2.7"

    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"), token)
        await stand.send(await stand.token("ana"), 2, "Lab <at> nine")

    stand.run(story)
    ((created,),) = stand.sql("SELECT timecreated FROM message_read")
    ((path, headers, _),) = stand.gateway.requests
    assert path == "/notification/"
    assert headers["X-AN-APP-KEY"] == "site-key"
    (form,) = stand.gateway.forms()
    assert list(form.items()) == [
        ("alert", b"Lab &lt;at&gt; nine"),
        ("date", str(created).encode()),
        ("site", hashlib.md5(b"http://site.testben").hexdigest().encode()),
        ("type", b"moodle_instantmessage"),
        ("userfrom", b"Ann Sender"),
        ("device", b"iOS" if token == TOKEN else b"Android"),
        ("notif", b"0"),
        ("token", token.encode()),
    ]


@pytest.mark.parametrize("written", ["2013", 2013, "2.7", 2.7])
def test_a_generation_may_be_written_as_a_number(written, tmp_path: Path):
    found = SiteSettings(wwwroot="http://site", generation=written).generation
    assert found == str(written)
