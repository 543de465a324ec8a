"""A hand-written trace, event by event, for tests of what reads traces."""

from typing import Any

import pytest

MS = 1_000_000


class Story:
    """Collects trace events; each call happens one millisecond after the one before."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def tell(self, kind: str, host: str, **fields: Any) -> "Story":
        self.events.append({"t": len(self.events) * MS, "kind": kind, "host": host, **fields})
        return self

    def message(self, message: str = "1", user: str = "3", pushes: str = "") -> "Story":
        return self.tell(
            "message.created", "site", message=message, user_from="2", user_to=user, pushes=pushes
        )

    def suppressed(self, message: str = "1", reason: str = "preference") -> "Story":
        return self.tell(
            "push.suppressed", "site", message=message, user_to="3", reason=reason, device=None
        )

    def accepted(
        self, push: str = "p1", token_ref: str = "aa", broadcast: str | None = None
    ) -> "Story":
        return self.tell(
            "push.accepted", "gateway", push=push, app="moodle", device="ios",
            token_ref=token_ref, broadcast=broadcast,
        )  # fmt: skip

    def requested(
        self, push: str | None = "p1", message: str = "1", token_ref: str = "aa", status: int = 200
    ) -> "Story":
        return self.tell(
            "push.requested", "site", message=message, device="d1", token_ref=token_ref,
            status=status, gateway_push=push, error=None,
        )  # fmt: skip

    def dispatched(self, push: str = "p1", identifier: int | None = 1, attempt: int = 1) -> "Story":
        provider = "gcm" if identifier is None else "apns"
        return self.tell(
            "push.dispatched", "gateway", push=push, provider=provider,
            connection=f"10.0.0.1:500{attempt}", identifier=identifier, attempt=attempt,
        )  # fmt: skip

    def completed(self, push: str = "p1", message_id: str | None = None) -> "Story":
        provider = "apns" if message_id is None else "gcm"
        return self.tell(
            "push.completed", "gateway", push=push, provider=provider, message_id=message_id
        )

    def taken(
        self, nid: str = "n1", identifier: int = 1, attempt: int = 1, token_ref: str = "aa"
    ) -> "Story":
        """APNs accepts."""
        return self.tell(
            "vendor.accepted", "apns", service="apns", nid=nid, token_ref=token_ref,
            peer=f"10.0.0.1:500{attempt}", identifier=identifier,
        )  # fmt: skip

    def answered(self, nid: str = "n1", message_id: str = "0:1", token_ref: str = "aa") -> "Story":
        """GCM accepts."""
        return self.tell(
            "vendor.accepted", "gcm", service="gcm", nid=nid, token_ref=token_ref,
            peer="10.0.0.1:5001", message_id=message_id,
        )  # fmt: skip

    def vendor(self, what: str, nid: str = "n1", service: str = "apns", **fields: Any) -> "Story":
        return self.tell(f"vendor.{what}", service, service=service, nid=nid, **fields)

    def sent(self, nid: str = "n1", mid: str = "m1", service: str = "apns") -> "Story":
        return self.vendor("sent", nid, service, device="dev-1", mid=mid, redelivery=False)

    def session(self, phone: str = "phone", service: str = "apns") -> "Story":
        return self.tell("phone.session", phone, service=service, device="dev-1")

    def received(self, mid: str = "m1", service: str = "apns", duplicate: bool = False) -> "Story":
        return self.tell(
            "phone.received", "phone", service=service, mid=mid, app="moodle", duplicate=duplicate
        )

    def opened(self, mid: str = "m1") -> "Story":
        return self.tell(
            "app.opened", "phone", page="message", msgid="1", mid=mid, from_state="closed"
        )

    def to_vendor(self, nid: str = "n1") -> "Story":
        """Message to acceptance by APNs, as it should be."""
        return self.session().message().accepted().requested().dispatched().taken(nid)

    def to_phone(self) -> "Story":
        """Message to the phone, as it should be."""
        return self.to_vendor().sent().received().vendor("acked")


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture(scope="session")
def new_story() -> type[Story]:
    """For property tests, which need a fresh one per example."""
    return Story
