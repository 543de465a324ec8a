"""The AirNotifier output: one POST to the gateway per enabled phone of the recipient.

The fields, their order and the cut of the text are those of the site's generation. That of 2013
names no device type; that of Moodle 2.7 does, and has fields of its own (`push_fields_27`). Neither
has a badge or sound. Whatever the gateway answers, the message counts as sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from server.logs import EventLog, token_ref
from server.moodle import gateway_client, php_json
from server.moodle.accounts import User
from server.moodle.configuration import PROVIDER, Configuration
from server.moodle.devices import devices_of
from server.moodle.messaging.outputs import push_fields_27
from server.moodle.messaging.store import Message
from server.moodle.settings import Generation
from server.moodle.truncation import allowance, truncate

PUSH_PATH = "/notification/"


@dataclass(frozen=True, slots=True)
class PushRequest:
    """One request to the gateway."""

    message: int
    device: int
    token: str
    fields: list[tuple[bytes, bytes]]
    """Everything but the token."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one message; nothing is done yet."""

    requests: Sequence[PushRequest] = ()
    disabled: Sequence[int] = ()
    """Phones that the user disabled."""
    reason: str = ""
    """Why there are neither."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """A stored message that may be pushed. `wwwroot`: the site's address."""

    message_id: int
    item: Message
    sender: User
    recipient: User
    wwwroot: str


def plan_pushes(
    connection: Connection,
    configuration: Configuration,
    generation: Generation,
    occasion: Occasion,
) -> Plan:
    """The requests to make, or why there are none (for the log)."""
    message_id, recipient = occasion.message_id, occasion.recipient
    if configuration.flag("noemailever") or not recipient.active:
        return Plan(reason="recipient_excluded")
    devices = devices_of(connection, recipient.id, configuration.values["airnotifierappname"])
    if not devices:
        return Plan(reason="no_device")
    fields = _FIELDS[generation](occasion)
    return Plan(
        requests=[
            PushRequest(message_id, device.id, device.token, fields(device.token))
            for device in devices
            if device.enabled
        ],
        disabled=[device.id for device in devices if not device.enabled],
    )


Fields = Callable[[str], list[tuple[bytes, bytes]]]
"""The fields before a token, which they are for."""


def _fields_2013(occasion: Occasion) -> Fields:
    item, sender = occasion.item, occasion.sender
    fields = push_fields(
        text=item.smallmessage,
        date=item.timecreated,
        # Texts: they come from rows of the database, whose drivers in PHP give every column as
        # text, and go into the JSON as they are. The message's own id is a number.
        urlparams={"user": str(occasion.recipient.id), "id": str(sender.id)},
        kind=PROVIDER,
        userfrom=sender.fullname,
        message_id=occasion.message_id,
    )
    return lambda _: fields


def _fields_27(occasion: Occasion) -> Fields:
    item = occasion.item
    site = push_fields_27.site_id(occasion.wwwroot, occasion.recipient.username)

    def fields(token: str) -> list[tuple[bytes, bytes]]:
        return push_fields_27.push_fields(
            text=item.smallmessage,
            date=item.timecreated,
            site=site,
            kind=PROVIDER,
            userfrom=occasion.sender.fullname,
            platform=push_fields_27.platform_of(token),
        )

    return fields


_FIELDS: Mapping[Generation, Callable[[Occasion], Fields]] = {
    "2013": _fields_2013,
    "2.7": _fields_27,
}


def push_fields(
    *,
    text: str,
    date: int,
    urlparams: dict[str, str],
    kind: str,
    userfrom: str,
    message_id: int,
) -> list[tuple[bytes, bytes]]:
    """The fields of a push before the token, in the order of 2013."""
    allowed = allowance(urlparams, message_id, kind, userfrom)
    return [
        (b"alert", truncate(text.encode(), allowed)),
        (b"date", b"%d" % date),
        (b"urlparams", php_json.encode(urlparams).encode()),
        (b"type", kind.encode()),
        (b"userfrom", userfrom.encode()),
        (b"id", b"%d" % message_id),
    ]


async def deliver(
    pushes: Sequence[PushRequest],
    configuration: Configuration,
    log: EventLog,
) -> None:
    """Make the requests one after the other, as the sender's PHP process does."""
    for push in pushes:
        reply = await gateway_client.post(
            configuration, PUSH_PATH, [*push.fields, (b"token", push.token.encode())]
        )
        log.event(
            "push.requested",
            message=push.message,
            device=push.device,
            token_ref=token_ref(push.token),
            status=reply.status,
            refused=reply.refusal is not None,
            answer=reply.refusal,
            gateway_push=reply.identifier("X-AN-Push-Id"),
            error=reply.error,
        )
