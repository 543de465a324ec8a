"""The scenario behind `airbed serve`: its world, changed by the options of the command line.

`--set vendors.gcm.outage.status=503` says what `world.vendors.gcm.outage.status: 503` says in a
scenario file. It is read as YAML and checked by the models of scenario files, so it knows the same
keys, units and limits, and gives the same hints.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from scenarios.engine.format.diagnostics import Diagnostic, did_you_mean
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.models import Scenario
from scenarios.engine.format.nodes import MappingNode, plain
from scenarios.engine.format.validation import validate
from scenarios.engine.format.yaml_reader import YamlReader

_ROOT: Final = "vendors"
_EXAMPLE: Final = "vendors.gcm.outage.status=503"


class WrongSetting(Exception):
    """A `--set` that says nothing or something impossible; the text says which, and what to do."""


def served_scenario(
    settings: Sequence[str] = (), *, phone_tls: bool = False, sandbox: bool = False
) -> Scenario:
    """The scenario with these `--set` options. Raises WrongSetting.

    `phone_tls`: the push services' ports for phones have TLS. `sandbox`: there is APNs' sandbox.
    """
    environments = ["production", "sandbox"] if sandbox else ["production"]
    phones: dict[str, Any] = {
        f"ios_{name}": {"platform": "ios", "owner": "ana", "environment": name, "tls": phone_tls}
        for name in environments
    }
    phones["android"] = {"platform": "android", "owner": "ben", "tls": phone_tls}
    document: dict[str, Any] = {
        "format": 1,
        "name": "airbed serve",
        "world": {
            "gateway": {"kind": "airnotifier", "app": "moodle"},
            "site": {"kind": "moodle", "users": {"ana": "teacher", "ben": "student"}},
            "vendors": {},
        },
        "devices": phones,
        "flow": [{"do": "settle"}],
    }
    for setting in settings:
        _put(document["world"], setting)
        _check(document, setting)
    return _check(document, "")


def _put(world: dict[str, Any], setting: str) -> None:
    """Write the value of one `--set` to its place."""
    path, equals, text = setting.partition("=")
    if not equals:
        raise WrongSetting(f"--set {setting}: there is no '='; write --set {_EXAMPLE}")
    keys = path.strip().removeprefix("world.").split(".")
    if keys[0] != _ROOT or len(keys) < 3:
        hint = did_you_mean(keys[0], [_ROOT]) if keys[0] != _ROOT else ""
        raise WrongSetting(
            f"--set {setting}: '{path}' is no setting of a push service; "
            f"{hint or f'write --set {_EXAMPLE}'}"
        )
    place = world
    for key in keys[:-1]:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise WrongSetting(f"--set {setting}: '{key}' was set to a value before")
        place = inner
    reader = YamlReader(text)
    node = reader.read()
    if reader.diagnostics or node is None:
        found = reader.diagnostics[0].message if reader.diagnostics else "there is no value"
        raise WrongSetting(f"--set {setting}: {found}")
    place[keys[-1]] = plain(node)


def _check(document: dict[str, Any], setting: str) -> Scenario:
    text = json.dumps(document)
    root = YamlReader(text).read()
    assert isinstance(root, MappingNode)
    mistakes = Mistakes([])
    scenario = validate(root, document, mistakes)
    if scenario is None:
        raise WrongSetting(f"--set {setting}: " + "; ".join(map(_in_words, mistakes.all())))
    return scenario


def _in_words(mistake: Diagnostic) -> str:
    return f"{mistake.message}; {mistake.help}" if mistake.help else mistake.message
