"""Sending one private message to one user (Moodle 2.5, `message_post_message`, `message_send`).

Everything up to the push is part of the caller's transaction; the push itself is returned as a
delivery, to be made after the commit: no transaction is open while a gateway takes its time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from server.logs import token_ref
from server.moodle.accounts import User
from server.moodle.configuration import Configuration
from server.moodle.journal import Journal
from server.moodle.messaging.choosing import Recipient, select_outputs
from server.moodle.messaging.outputs import email, popup
from server.moodle.messaging.outputs.airnotifier import Occasion, Plan, PushRequest, plan_pushes
from server.moodle.messaging.store import Message, insert_message
from server.moodle.settings import Generation

HTML = 1
"""Moodle's FORMAT_HTML. Accepted besides: 0 (Moodle's own), 2 (plain), 4 (Markdown)."""

_RULE = "---------------------------------------------------------------------"
_TAGS = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored message and what is still to be done for it."""

    id: int
    pushes: Sequence[PushRequest]
    """In the order of the recipient's devices; often empty."""
    read_after: bool
    """No output holds it back, so it counts as read as soon as the pushes are made."""


@dataclass(frozen=True, slots=True)
class Post:
    """Sends messages of one user within one transaction."""

    connection: Connection
    configuration: Configuration
    journal: Journal
    sender: User
    generation: Generation
    wwwroot: str
    sitename: str
    now: int

    def send(self, recipient: Recipient, text: str, text_format: int) -> Sent:
        """Store the message and run its outputs as far as they are local."""
        outputs = select_outputs(recipient, self.configuration, self.now)
        item = self._message(recipient.user, text, text_format)
        message_id = insert_message(self.connection, item)
        if "popup" in outputs:
            processor_id, _ = self.configuration.processors["popup"]
            popup.leave_message(self.connection, message_id, processor_id)
        if "email" in outputs:
            email.queue(self.connection, item)
        if "airnotifier" in outputs:
            occasion = Occasion(message_id, item, self.sender, recipient.user, self.wwwroot)
            plan = plan_pushes(self.connection, self.configuration, self.generation, occasion)
        else:
            plan = Plan(reason=self._why_no_push(recipient.user))
        self._note(message_id, recipient.user, plan)
        return Sent(message_id, plan.requests, bool(outputs) and "popup" not in outputs)

    def _note(self, message_id: int, recipient: User, plan: Plan) -> None:
        """Tell of the message with all that is going to be pushed: a site that dies before it has
        asked for that cannot tell it any more."""
        self.journal.note(
            "message.created",
            message=message_id,
            user_from=self.sender.id,
            user_to=recipient.id,
            pushes=",".join(token_ref(each.token) for each in plan.requests),
        )
        for device in plan.disabled:
            self._suppressed(message_id, recipient, "device_disabled", device)
        if plan.reason:
            self._suppressed(message_id, recipient, plan.reason, None)

    def _suppressed(
        self, message_id: int, recipient: User, reason: str, device: int | None
    ) -> None:
        self.journal.note(
            "push.suppressed",
            message=message_id,
            user_to=recipient.id,
            reason=reason,
            device=device,
        )

    def _why_no_push(self, recipient: User) -> str:
        if not self.configuration.processors["airnotifier"][1]:
            return "processor_disabled"
        if not self.configuration.airnotifier_configured:
            return "not_configured"
        return "emailstop" if recipient.emailstop else "preference"

    def _message(self, recipient: User, text: str, text_format: int) -> Message:
        link = f"{self.wwwroot}/message/index.php?user={recipient.id}&id={self.sender.id}"
        tagline = (
            f'This is a copy of a message sent to you at "{self.sitename}". Go to {link} to reply.'
        )
        html = text_format == HTML
        plain = _without_tags(text) if html else text
        return Message(
            useridfrom=self.sender.id,
            useridto=recipient.id,
            subject=f"New message from {self.sender.fullname}",
            fullmessage=f"{plain}\n\n{_RULE}\n{tagline}",
            fullmessageformat=text_format,
            fullmessagehtml=f"{text}<br /><br />{_RULE}<br />{tagline}" if html else "",
            smallmessage=text,
            timecreated=self.now,
        )


def _without_tags(text: str) -> str:
    """The text without what stands between `<` and the next `>`."""
    # Behind the last ">" no tag ends; to look for one from each "<" there would take a time that
    # grows with the square of their number.
    end = text.rfind(">") + 1
    return _TAGS.sub("", text[:end]) + text[end:] if end else text
