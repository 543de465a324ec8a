"""A configuration file is read strictly, in bounded work, and told apart from what is none."""

import json
import os
from pathlib import Path

import pytest

from server.airnotifier.settings import GatewaySettings
from server.configuration_file import SettingsError, read_model
from server.moodle.settings import SiteSettings


def refused(path: Path, text: str | bytes, name: str = "a.yaml") -> str:
    """What is said of a gateway's settings."""
    (path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SettingsError) as caught:
        read_model(path / name, GatewaySettings)
    return str(caught.value)


@pytest.mark.parametrize(
    "port",
    ["8_080", "'80'", "true", "\u0668\u0660", "80.5", "1e999", "65536", "-1", ".inf", "9" * 999],
)
def test_a_port_is_a_number_in_digits(tmp_path: Path, port: str) -> None:
    assert "port" in refused(tmp_path, f"apps: []\nport: {port}") or "characters" in refused(
        tmp_path, f"apps: []\nport: {port}"
    )


@pytest.mark.parametrize("host", ["''", "a..b", f"'{'a' * 300}'", "'a b'", "'[::1'", "ü.example"])
def test_a_host_is_an_address_or_a_name_that_can_be_asked_for(tmp_path: Path, host: str) -> None:
    assert "host: must be an IP address" in refused(tmp_path, f"apps: []\nhost: {host}")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "push_1.example.org", "localhost"])
def test_a_host_that_can_be_asked_for(tmp_path: Path, host: str) -> None:
    (tmp_path / "a.yaml").write_text(f"apps: []\nhost: '{host}'\n")
    assert read_model(tmp_path / "a.yaml", GatewaySettings).host == host


@pytest.mark.parametrize("text", ['"a\\0b"', '"\\uD800"', '"\\U00110000"'])
def test_a_text_that_no_database_takes(tmp_path: Path, text: str) -> None:
    assert "a.yaml" in refused(tmp_path, f"apps: [{{name: a, keys: [{{key: {text}}}]}}]")


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 20)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "more than 100000 values"),
        ("[" * 100_000, "nested more than 30 deep"),
        ("{a: " * 100_000, "nested more than 30 deep"),
        ("- " * 100_000, "nested more than 30 deep"),
        ("&a [*a]", "this alias has no anchor above it"),
        ("<<: {apps: []}", "merge keys"),
        ("apps: !!python/object:os.system []", "tags are not used here"),
        ("apps: []\n---\napps: []", "a second document"),
        ("apps: []\napps: []", "a duplicate key"),
        ("apps: 2013-13-45", "apps: expected a list, found a text"),
        ("apps: \x01", "a character that YAML does not allow"),
        ("apps: [".encode("utf-16"), "not text in UTF-8"),
        ("# caf\xe9".encode("latin-1"), "not text in UTF-8"),
        ("# " + "x" * 2**20, "more than 1 MiB of YAML"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "bytes",
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"port": ' + "9" * 5000 + "}", "too many digits"),
        ('{"apps": [], "apps": []}', "a duplicate key"),
        ('{"apps": NaN}', "apps"),
        ("", "line 1, column 1"),
    ],
    ids=lambda value: value[:12],
)
def test_a_json_file_that_is_no_configuration(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text, "a.json")


def test_what_is_not_closed_is_told_without_the_line_that_it_is_in(tmp_path: Path) -> None:
    said = refused(tmp_path, "apps: []\ndatabase: 'hush-hush\n")
    assert "hush" not in said
    assert "line 3" in said


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for path in (tmp_path / "pipe.yaml", tmp_path / "loop.yaml", tmp_path, Path("/dev/zero")):
        with pytest.raises(SettingsError, match="cannot be read"):
            read_model(path, GatewaySettings)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfapps: []\n")
    assert read_model(tmp_path / "a.yaml", GatewaySettings).apps == ()


@pytest.mark.parametrize(
    "wwwroot",
    ["http://[::1", "http://a:000080", "http://a:x", "http://a..b", "http://a/{x", "http://u@a"],
)
def test_an_address_that_no_site_can_have(tmp_path: Path, wwwroot: str) -> None:
    (tmp_path / "a.yaml").write_text(f"wwwroot: '{wwwroot}'\n")
    with pytest.raises(SettingsError, match="wwwroot: must"):
        read_model(tmp_path / "a.yaml", SiteSettings)


@pytest.mark.parametrize(
    ("key", "value"),
    [("url", "gateway"), ("url", "http://[::1"), ("access_key", "a b"), ("app_name", "a\tb")],
)
def test_the_gateway_is_what_the_administrator_s_page_would_take(
    tmp_path: Path, key: str, value: str
) -> None:
    (tmp_path / "a.json").write_text(
        f'{{"wwwroot": "http://m", "airnotifier": {{"{key}": "{value}"}}}}'.replace("\t", "\\t")
    )
    with pytest.raises(SettingsError, match=f"airnotifier.{key}"):
        read_model(tmp_path / "a.json", SiteSettings)


def test_a_whole_configuration_is_read(tmp_path: Path) -> None:
    """Every kind of value, from YAML and from JSON alike."""
    (tmp_path / "cert.pem").write_text("x")
    apns = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "cert.pem")}
    settings = {
        "host": "::1", "port": 0, "trusted_proxies": ["10.0.0.0/8", "", "::1"],
        "apps": [{
            "name": "moodle", "sandbox": True, "blocked_ips": "192.0.2.1\n\n2001:db8::/32\n",
            "keys": [{"key": "k" * 16, "permissions": ["create_token"]},
                     {"key_sha256": "0" * 64, "permissions": 3}],
            "apns": {**apns, "confirm_after": 5},
            "gcm": {"url": "https://a.example:443/gcm/send", "api_key": "x", "timeout": 2.5},
        }],
    }  # fmt: skip
    for name in ("a.json", "a.yaml"):
        (tmp_path / name).write_text(json.dumps(settings))
    read = read_model(tmp_path / "a.json", GatewaySettings)
    assert read_model(tmp_path / "a.yaml", GatewaySettings) == read
    assert [str(each) for each in read.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert [str(each) for each in read.apps[0].blocked_ips] == ["192.0.2.1/32", "2001:db8::/32"]
    assert [key.permissions for key in read.apps[0].keys] == [1, 3]


@pytest.mark.parametrize("wrong", ["[{}]", "[[]]", "[1]", "['10.0.0.1/8']", "7", "{a: b}", "x"])
def test_a_block_list_is_of_addresses_and_networks(tmp_path: Path, wrong: str) -> None:
    assert "trusted_proxies" in refused(tmp_path, f"apps: []\ntrusted_proxies: {wrong}")


def test_networks_are_read_from_a_file_and_written_as_json(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apps: []\ntrusted_proxies: [10.0.0.0/8, '::1']\n")
    settings = read_model(tmp_path / "a.yaml", GatewaySettings)
    assert json.loads(settings.model_dump_json())["trusted_proxies"] == ["10.0.0.0/8", "::1/128"]
