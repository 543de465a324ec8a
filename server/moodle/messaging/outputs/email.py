"""The email output: into the outbox that stands for a mail server."""

from sqlalchemy import Connection, bindparam, insert

from server.moodle.messaging.store import Message
from server.moodle.tables import email_outbox
from server.prepared import Prepared

_mail = Prepared(
    insert(email_outbox).values(
        {name: bindparam(name) for name in ("userid", "subject", "body", "timecreated")}
    )
)


def queue(connection: Connection, item: Message) -> None:
    """Put a message into the outbox."""
    _mail.run(
        connection,
        userid=item.useridto,
        subject=item.subject,
        body=item.fullmessage,
        timecreated=item.timecreated,
    )
