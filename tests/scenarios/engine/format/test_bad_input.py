"""Each mistake in a file gives its message, at its place, and exit code 4; never a traceback.

The cases are in `bad_input.txt`: one edit of a small scenario each, and what is said about it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main

SMALL = """\
format: 1
name: Small
world:
  gateway: { kind: airnotifier }
  site: { kind: moodle, users: { ana: teacher, ben: student } }
devices:
  phone: { platform: ios, owner: ben }
flow:
  - { do: open_app, by: phone }
  - { do: accept_push, by: phone, save: { token: $result.token } }
  - { do: register_gateway, by: phone, with: { token: $token } }
  - { do: wait, with: { for: 5m } }
"""


def cases() -> Iterator[object]:
    text = Path(__file__).with_name("bad_input.txt").read_text(encoding="utf-8")
    for block in text.split("\n## ")[1:]:
        head, expected = block.split("\n\n", 1)
        name, *edits = head.splitlines()
        scenario = SMALL
        for old, new in zip(edits[::2], edits[1::2], strict=True):
            old, new = (_written(line[2:]) for line in (old, new))
            assert old in scenario, f"{name}: {old}"
            scenario = scenario.replace(old, new, 1)
        yield pytest.param(scenario, expected.rstrip("\n"), id=name)


def _written(line: str) -> str:
    return re.sub(r"\\([n\\])", lambda match: "\n" if match[1] == "n" else "\\", line)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, so that messages name files without a path."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *files: str) -> tuple[int, str]:
    """The exit code of `airbed check`, and the mistakes without the closing line."""
    code = main(["check", *files])
    return code, "\n".join(capsys.readouterr().err.splitlines()[:-1])


def test_the_scenario_that_the_cases_are_made_from_has_no_mistake(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.yaml").write_text(SMALL)
    assert check(capsys, "a.yaml") == (0, "")


@pytest.mark.parametrize(("scenario", "expected"), list(cases()))
def test_a_mistake_is_said_at_its_place(
    here: Path, capsys: pytest.CaptureFixture[str], scenario: str, expected: str
) -> None:
    (here / "a.yaml").write_text(scenario, encoding="utf-8")
    assert check(capsys, "a.yaml") == (4, expected)


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys, "none.yaml") == (
        4,
        "none.yaml: error[no-file]: there is no such file\n"
        "       help: `airbed list` shows the scenarios that come with Airbed",
    )


@pytest.mark.parametrize("content", ["", "\n \n", "# only a comment\n", "---\n", "null\n"])
def test_a_file_without_a_scenario(
    here: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (here / "a.yaml").write_text(content)
    code, said = check(capsys, "a.yaml")
    assert code == 4
    assert said.splitlines()[0] == "a.yaml:1:1: error[empty-file]: the file has no scenario in it"


def test_a_binary_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_bytes(b"\x7fELF\x02\x01\x01\0\0\0\xff\xfe")
    assert check(capsys, "a.yaml") == (
        4,
        "a.yaml:1:8: error[not-text]: this is a binary file\n"
        "       help: a scenario is a YAML file in UTF-8",
    )


def test_a_text_that_is_not_utf_8(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_bytes("format: 1\nname: Pr\xfcfung\n".encode("latin-1"))
    assert check(capsys, "a.yaml") == (
        4,
        "a.yaml:2:9: error[not-text]: this is not UTF-8\n"
        "    2 | name: Pr\N{REPLACEMENT CHARACTER}fung\n"
        "      |         ^\n"
        "       help: save the file in UTF-8",
    )


@pytest.mark.parametrize("content", ["just a text\n", "- a\n- b\n", "42\n"])
def test_a_document_that_is_no_mapping(
    here: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (here / "a.yaml").write_text(content)
    code, said = check(capsys, "a.yaml")
    assert code == 4
    assert said.startswith("a.yaml:1:1: error[not-a-mapping]: a scenario is a mapping")


def test_a_file_too_large_to_be_a_scenario(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(SMALL + "#" * 300_000)
    code, said = check(capsys, "a.yaml")
    assert code == 4
    assert said.startswith("a.yaml: error[too-large]: the file is larger than 256 KiB")


@pytest.mark.parametrize("opening", ["[", "{", "- ", "a: {", "!", "&a [", "? "])
def test_nesting_without_end(here: Path, capsys: pytest.CaptureFixture[str], opening: str) -> None:
    (here / "a.yaml").write_text(opening * 20_000)
    assert check(capsys, "a.yaml")[0] == 4


def test_aliases_that_multiply(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 30)]
    (here / "a.yaml").write_text("\n".join(lines))
    code, said = check(capsys, "a.yaml")
    assert code == 4
    assert "error[too-large]: more than 100000 values" in said


def test_an_alias_inside_its_own_anchor(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(SMALL + "tags: &tags [smoke, *tags]\n")
    assert "a.yaml:13:21: error[alias]: '*tags' contains itself" in check(capsys, "a.yaml")[1]


def test_the_mistakes_of_several_files_are_all_shown(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.yaml").write_text(SMALL.replace("5m", "5"))
    (here / "b.yaml").write_text(SMALL.replace("ios", "iso"))
    code = main(["check", "a.yaml", "b.yaml", "none.yaml"])
    shown = capsys.readouterr()
    assert code == 4
    assert shown.out.splitlines() == [
        "invalid  a.yaml: 1 mistake",
        "invalid  b.yaml: 1 mistake",
        "invalid  none.yaml: 1 mistake",
    ]
    assert shown.err.count("error[") == 3
    assert shown.err.endswith("3 mistakes in 3 files; correct them and try again\n")


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.yaml").write_text(SMALL.replace("Small", '"\\e[2J", "\\x07": 1', 1))
    main(["check", "a.yaml"])
    (here / "b.yaml").write_text(SMALL.replace("name: Small", '"na\\e[2Jme": Small'))
    main(["check", "b.yaml"])
    said = capsys.readouterr().err
    assert "error[unknown-key]: there is no key 'na\N{REPLACEMENT CHARACTER}[2Jme'" in said
    assert "\x1b" not in said
