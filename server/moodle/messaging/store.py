"""Rows of messages: unread, being read by somebody, read.

`message` holds what is unread, `message_working` says that an output still has something to do with
it (only popup does), `message_read` takes what nobody works on. So who gets pushes only has
everything marked as read at once (Moodle 2.4 to 2.6).
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from server.database import Number
from server.moodle.tables import message, message_read
from server.prepared import Prepared


class Message(NamedTuple):
    """A private message on its way to one recipient. Fields are the columns of `message`."""

    useridfrom: int
    useridto: int
    subject: str
    fullmessage: str
    fullmessageformat: int
    fullmessagehtml: str
    smallmessage: str
    timecreated: int


_insert = Prepared(
    insert(message)
    .values({name: bindparam(name) for name in Message._fields})
    .returning(message.c.id)
)
_copy = Prepared(
    insert(message_read).from_select(
        [*Message._fields, "timeread"],
        select(
            *(message.c[name] for name in Message._fields), bindparam("now", type_=Number)
        ).where(message.c.id == bindparam("message")),
    )
)
_forget = Prepared(delete(message).where(message.c.id == bindparam("message")))


def insert_message(connection: Connection, item: Message) -> int:
    """Store it unread; its id."""
    row = _insert.first(connection, **item._asdict())
    assert row is not None
    return int(row[0])


def mark_read(connection: Connection, messages: Sequence[int], now: int) -> None:
    """Move messages to `message_read`, where they get ids of their own."""
    rows = [{"message": message_id, "now": now} for message_id in messages]
    _copy.run_many(connection, rows)
    _forget.run_many(connection, rows)
