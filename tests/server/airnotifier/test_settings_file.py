"""Lists of a settings file are taken as a file has them: strictly, and blank lines mean nothing."""

import json
from pathlib import Path

from server.airnotifier.settings import GatewaySettings
from server.configuration_file import read_model


def test_lists_of_networks_are_read_from_a_file(tmp_path: Path) -> None:
    app = {"name": "moodle", "blocked_ips": ["192.0.2.0/24", " "]}
    path = tmp_path / "gateway.json"
    path.write_text(json.dumps({"database": "sqlite://", "apps": [app], "trusted_proxies": []}))
    settings = read_model(path, GatewaySettings)
    assert [str(network) for network in settings.apps[0].blocked_ips] == ["192.0.2.0/24"]
    assert settings.trusted_proxies == ()
