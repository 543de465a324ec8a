"""The two functions of the AirNotifier output of 2013: the app's key, and registering a phone."""

from typing import Any

from server.logs import token_ref
from server.moodle import devices
from server.moodle.errors import MoodleError
from server.moodle.functions.function import PLUGIN_VERSION, Call, Function
from server.moodle.parameters import OPTIONAL, Multiple, Param, Scalar, Single


def _get_access_key(call: Call, arguments: dict[str, Any]) -> str:
    """The key with which apps register tokens at the gateway: one for all users of the site."""
    if any(permission != "createtoken" for permission in arguments["permissions"]):
        raise MoodleError("permissionnotimplemented")
    return call.site.configuration.values["airnotifierdeviceaccesskey"]


def _add_user_device(call: Call, arguments: dict[str, Any]) -> int:
    device = arguments["device"]
    row_id, new = devices.register(call.connection, call.user.id, device)
    call.journal.note(
        "device.registered",
        device=row_id,
        user=call.user.id,
        token_ref=token_ref(device["devicenotificationtoken"]),
        new=new,
    )
    return row_id


_OPTIONAL_TEXT = Scalar(Param.TEXT, OPTIONAL)

FUNCTIONS = (
    Function(
        "message_airnotifier_get_access_key",
        Single({"permissions": Multiple(Scalar(Param.ALPHA), default=())}),
        _get_access_key,
        version=PLUGIN_VERSION,
    ),
    Function(
        "message_airnotifier_add_user_device",
        Single(
            {
                "device": Single(
                    {
                        "appname": Scalar(Param.TEXT),
                        "devicename": _OPTIONAL_TEXT,
                        "devicetype": _OPTIONAL_TEXT,
                        "deviceos": _OPTIONAL_TEXT,
                        "deviceosversion": _OPTIONAL_TEXT,
                        "devicebrand": _OPTIONAL_TEXT,
                        "devicenotificationtoken": Scalar(Param.RAW),
                        "deviceuid": Scalar(Param.RAW, OPTIONAL),
                    }
                )
            }
        ),
        _add_user_device,
        version=PLUGIN_VERSION,
    ),
)
