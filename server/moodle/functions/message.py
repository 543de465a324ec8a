"""Sending private messages.

Formats are checked for the whole call before anything is stored; in Moodle a bad format in the
middle ends the call after the messages before it went out. Contact lists do not exist here, so
nobody is blocked. Reading functions were not part of the mobile service of 2.5.
"""

from typing import Any

from server.moodle.errors import MoodleError
from server.moodle.functions.function import Call, Function
from server.moodle.messaging.choosing import get_recipient
from server.moodle.messaging.send import HTML, Post
from server.moodle.parameters import OPTIONAL, Multiple, Param, Scalar, Single

_FORMATS = (0, 1, 2, 4)


def _send(call: Call, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """One result per message, in order; `msgid` -1 for those that could not be sent.

    `msgid` is the id that the push carries, also when the message was moved to the read ones since.
    """
    site = call.site
    if not site.configuration.flag("messaging"):
        raise MoodleError("disabled")
    messages = arguments["messages"]
    if not messages:
        raise MoodleError("codingerror", "moodle_database::get_in_or_equal() does not accept empty")
    for message in messages:
        if message["textformat"] not in _FORMATS:
            raise MoodleError("invalidparameter", detail="textformat")
    post = Post(
        connection=call.connection,
        configuration=site.configuration,
        journal=call.journal,
        sender=call.user,
        generation=site.settings.generation,
        wwwroot=site.settings.wwwroot,
        sitename=site.settings.sitename,
        now=call.now,
    )
    results: list[dict[str, Any]] = []
    for message in messages:
        # Members in the order in which Moodle declares them: msgid, clientmsgid, errormessage.
        client = {"clientmsgid": message["clientmsgid"]} if "clientmsgid" in message else {}
        user_id = message["touserid"]
        recipient = get_recipient(call.connection, user_id)
        if recipient is None:
            problem = f"You can not send a message to a user id ({user_id}) that doesn't exist"
            results.append({"msgid": -1, **client, "errormessage": problem})
        else:
            sent = post.send(recipient, message["text"], message["textformat"])
            call.sent.append(sent)
            results.append({"msgid": sent.id, **client})
    return results


_PARAMETERS = Single(
    {
        "messages": Multiple(
            Single(
                {
                    "touserid": Scalar(Param.INT),
                    "text": Scalar(Param.RAW),
                    "textformat": Scalar(Param.INT, HTML),
                    "clientmsgid": Scalar(Param.ALPHANUMEXT, OPTIONAL),
                }
            )
        )
    }
)

FUNCTIONS = (
    Function("moodle_message_send_instantmessages", _PARAMETERS, _send),
    Function("core_message_send_instant_messages", _PARAMETERS, _send, mobile=False),
)
