"""What a settings file of the gateway may say, and what is said about one that is wrong."""

import json
from pathlib import Path

import pytest

from server.airnotifier.settings import GatewaySettings
from server.configuration_file import SettingsError, read_model


def test_lists_of_networks_are_read_from_a_file(tmp_path: Path) -> None:
    app = {"name": "moodle", "blocked_ips": ["192.0.2.0/24", " "]}
    path = tmp_path / "gateway.json"
    path.write_text(json.dumps({"database": "sqlite://", "apps": [app], "trusted_proxies": []}))
    settings = read_model(path, GatewaySettings)
    assert [str(network) for network in settings.apps[0].blocked_ips] == ["192.0.2.0/24"]
    assert settings.trusted_proxies == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("apps: [", "cannot be read"),
        ("apps: []\napps: []", "cannot be read"),
        ("prot: 8801\napps: []", "prot: there is no such setting; did you mean port?"),
        (
            "apps: [{name: moodle, apns: {cert_file: /no/cert, key_file: /no/key}}]",
            "no file /no/cert",
        ),
        ("apps: [{name: moodle, blocked_ips: [10.0.0.0/33]}]", "apps.0.blocked_ips"),
        (
            "apps: [{name: moodle, keys: [{key: short, permissions: 1}]}]",
            "key: must have at least 16 characters\n",
        ),
        ("apps: [{name: two words}]", "apps.0.name: 1 to 64 letters, digits, dots, hyphens and"),
        (
            "apps: [{name: m, keys: [{key_sha256: AB, permissions: 1}]}]",
            "apps.0.keys.0.key_sha256: 64 hexadecimal digits in lower case expected\n",
        ),
        ("apps: [{name: moodle, keys: [{permissions: 1}]}]", "give either key or key_sha256"),
        (
            "apps: [{name: moodle, keys: [{key: 0123456789abcdef, permissions: [fly]}]}]",
            "unknown permission 'fly'",
        ),
        ("apps: [{name: a}, {name: a}]", "two apps have the same name"),
    ],
)
def test_a_bad_configuration_is_one_clear_message(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """`test_serving.py` shows that the process says it and ends with exit code 2."""
    config = tmp_path / "gateway.yaml"
    config.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_model(config, GatewaySettings)
    assert complaint in f"{refused.value}\n"
    assert str(config) in str(refused.value)
