"""An option takes what a scenario file would take, and nothing that only `int` understands."""

import argparse
from pathlib import Path

import pytest

from scenarios.engine.commands import option_values
from scenarios.engine.commands.arguments import make_parser, parse
from scenarios.engine.commands.private_file import (
    NotWritable,
    make_sure_it_can_be_written,
    write_for_owner,
)

NO_NUMBERS = [
    "1_0",
    "١٢",
    "²",
    "+1",
    "-1",
    " 1",
    "1 ",
    "1.0",
    "1e3",
    "",
    "0x1",
    "01",
    "9" * 5000,
    "NaN",
]


def numeric() -> list[tuple[str, str]]:
    """The options of all commands that take a number: found by giving them a wrong one."""
    _, commands = make_parser()
    return [
        (name, action.option_strings[-1])
        for name, command in commands.items()
        for action in command._actions
        if action.option_strings and action.metavar in ("N", "A..B")
    ]


def test_there_are_numbers_to_try() -> None:
    assert len(numeric()) >= 8


@pytest.mark.parametrize(("command", "option"), numeric())
@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: ascii(text)[:8])
def test_a_number_is_written_in_digits(command: str, option: str, text: str) -> None:
    arguments = {"serve": ["all"], "replay": ["x"], "diff": ["x", "y"]}.get(command, ["x.yaml"])
    for value in (text, f"{text}..{text}"):
        with pytest.raises(SystemExit) as asked:
            parse([command, *arguments, f"{option}={value}"])
        assert asked.value.code == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1", "http://::1", "http://a:000000080999", "http://a:0", "http://a:65536",
        "http://a:٨٠", "http://a:", "http://a:1_0", "http://", "http:///", "https://a/x", "ftp://a",
        "http://a/x", "http://a?x", "http://a#x", "http://u:p@a", "http://a..b", "http://-a",
        "http://a b", "http://a\nb", "http://\N{LATIN SMALL LETTER U WITH DIAERESIS}", "a:80",
        "http://" + "a" * 64, "http://" + "a." * 200, "http://a%00b", "http://a\\b", "HTTP",
    ],
)  # fmt: skip
def test_an_address_that_no_gateway_can_have(url: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        option_values.gateway_url(url)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://127.0.0.1:8801", "http://127.0.0.1:8801"),
        ("http://gateway.example/", "http://gateway.example"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://push_1:65535", "http://push_1:65535"),
        ("https://push.example/", "https://push.example"),
    ],
)
def test_an_address_of_a_gateway(url: str, taken: str) -> None:
    assert option_values.gateway_url(url) == taken


@pytest.mark.parametrize(
    "key", ["", "a" * 15, "a" * 16 + " b", "a" * 16 + "\n", "ü" * 16, "a!" * 8, "x" * 256]
)
def test_a_key_is_one_that_the_site_takes_and_that_can_be_looked_for(key: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="16 to 255 letters, digits, - and _"):
        option_values.access_key(key)


@pytest.mark.parametrize("key", ["a" * 16, "Aa0_-" * 51])
def test_a_key_may_be_short_or_long(key: str) -> None:
    assert option_values.access_key(key) == key


@pytest.mark.parametrize(
    "place",
    ["/proc/x", "/dev/null", "/dev/full", "/", ".", "none/x", "file/x", "loop/x", "x" * 300],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for write in (make_sure_it_can_be_written, lambda path: write_for_owner(path, {})):
        with pytest.raises(NotWritable, match="nothing can be written to"):
            write(Path(place))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]
    assert Path("/dev/null").is_char_device()


def test_a_private_file_replaces_another_and_is_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "info.json"
    path.write_text("old")
    path.chmod(0o644)
    make_sure_it_can_be_written(path)
    assert path.read_text() == "old"
    write_for_owner(path, {"a": 1})
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["info.json"]
