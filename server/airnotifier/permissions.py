"""The permission bits of an access key."""

from enum import IntFlag


class Permission(IntFlag):
    """AirNotifier's bit mask. A key issued to a Moodle site by AirNotifier carried 15."""

    CREATE_TOKEN = 1
    DELETE_TOKEN = 2
    SEND_NOTIFICATION = 4
    SEND_BROADCAST = 8
    CREATE_ACCESSKEY = 16


SENTENCES = {
    Permission.CREATE_TOKEN: "create token",
    Permission.DELETE_TOKEN: "delete token",
    Permission.SEND_NOTIFICATION: "send notification",
    Permission.SEND_BROADCAST: "send broadcast",
    Permission.CREATE_ACCESSKEY: "create access key",
}
"""How a refusal names the action: "No permission to ..."."""
