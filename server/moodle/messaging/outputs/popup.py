"""The popup output: a message that it holds back stays unread until somebody looks."""

from sqlalchemy import Connection, bindparam, insert

from server.moodle.tables import message_working
from server.prepared import Prepared

_work = Prepared(
    insert(message_working).values(
        unreadmessageid=bindparam("message"), processorid=bindparam("processor")
    )
)


def leave_message(connection: Connection, message_id: int, processor_id: int) -> None:
    """Note that the popup output has to show it: it stays unread."""
    _work.run(connection, message=message_id, processor=processor_id)
