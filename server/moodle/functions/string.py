"""Language strings of a component.

The app of 2013 takes a function with this name for the proof of a site it can work with. The site
has few strings of its own; for other components the list is empty.
"""

from typing import Any

from server.moodle.functions.function import Call, Function
from server.moodle.parameters import Multiple, Param, Scalar, Single

_STRINGS = {
    "message_airnotifier": {
        "pluginname": "Mobile notifications",
        "deviceaccesskey": "Device access key",
        "unknowndevice": "Unknown device",
    },
}


def _get_component_strings(call: Call, arguments: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"stringid": name, "string": text}
        for name, text in _STRINGS.get(arguments["component"], {}).items()
    ]


FUNCTIONS = (
    Function(
        "core_get_component_strings",
        Single(
            {
                "component": Scalar(Param.COMPONENT),
                "lang": Scalar(Param.ALPHANUMEXT, "en"),
                "stringparams": Multiple(
                    Single({"name": Scalar(Param.ALPHANUMEXT), "value": Scalar(Param.TEXT)}),
                    default=(),
                ),
            }
        ),
        _get_component_strings,
    ),
)
