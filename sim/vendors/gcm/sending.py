"""Answering a send request: each recipient's result, and the exact form of the response.

Source: GCM, "HTTP connection server" and "Server reference". The order of the checks for a
recipient is not documented: syntax, sender, package, registered, then the error that the settings
have for it.
"""

import json
import time
from dataclasses import dataclass
from random import Random

from sim.vendors.gcm.core import PushCore
from sim.vendors.gcm.mcs_messages import app_data_fields
from sim.vendors.gcm.registry import ID_SYNTAX, Registration, Registry
from sim.vendors.gcm.requests import SendRequest
from sim.vendors.gcm.settings import Project
from sim.vendors.seams import token_ref


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recipient's message was taken; `canonical` is set when another id should be used from now
    on."""

    message_id: str
    canonical: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A recipient's message was not taken; `error` is the name from the contract."""

    error: str


Result = Accepted | Refused

_encode = json.JSONEncoder(separators=(",", ":")).encode

PLAIN_5XX = {"Unavailable": 503, "InternalServerError": 500}
"""Errors that the plain-text form never reports in a body."""


class Sender:
    """Decides about recipients and hands accepted messages to the push core."""

    def __init__(self, core: PushCore, registry: Registry, rng: Random) -> None:
        self._core = core
        self._registry = registry
        self._rng = rng

    def send(self, request: SendRequest, project: Project, peer: str) -> list[Result]:
        """One result per recipient, in the order of the request."""
        app_data = b"" if request.error else app_data_fields(request.data)
        return [
            self._send_one(registration_id, request, project, app_data, peer)
            for registration_id in request.registration_ids
        ]

    def _send_one(
        self, id: str, request: SendRequest, project: Project, app_data: bytes, peer: str
    ) -> Result:
        target = self._target(id, request, project)
        if not isinstance(target, Registration):
            self._core.statistics.rejected += 1
            self._core.emit(
                "vendor.rejected", token_ref=token_ref(id), reason=target.error, peer=peer
            )
            return target
        newest = target.canonical()
        canonical = newest.id if newest is not target and newest.dead_from is None else None
        if request.dry_run:
            return Accepted("fake_message_id", canonical)
        message = self._core.accept(
            target,
            sender=project.sender_id,
            app_data=app_data,
            collapse_key=request.collapse_key,
            ttl=request.ttl,
            delay_while_idle=request.delay_while_idle,
        )
        return Accepted(message.id, canonical)

    def _target(self, id: str, request: SendRequest, project: Project) -> Registration | Refused:
        if request.error is not None:
            return Refused(request.error)
        if not id:
            return Refused("MissingRegistration")
        if ID_SYNTAX.fullmatch(id) is None:
            return Refused("InvalidRegistration")
        registration = self._registry.find(id)
        if registration is None:
            return Refused("NotRegistered")
        if project.sender_id not in registration.senders:
            return Refused("MismatchSenderId")
        if request.package is not None and request.package != registration.app:
            return Refused("InvalidPackageName")
        if registration.dead_from is not None and registration.dead_from <= time.time():
            return Refused("NotRegistered")
        wanted = self._core.settings.per_id_error.get(id)
        if wanted is not None:
            self._core.overrides.note("per_id_error")
            return Refused(wanted)
        return registration

    def json_answer(self, results: list[Result], *, dry_run: bool) -> bytes:
        """The body of a JSON answer."""
        accepted = [result for result in results if isinstance(result, Accepted)]
        answer = {
            "multicast_id": -1 if dry_run else self._rng.getrandbits(62) | 1 << 62,
            "success": len(accepted),
            "failure": len(results) - len(accepted),
            "canonical_ids": sum(result.canonical is not None for result in accepted),
            "results": [_json_result(result) for result in results],
        }
        return _encode(answer).encode()


def _json_result(result: Result) -> dict[str, str]:
    if isinstance(result, Refused):
        return {"error": result.error}
    if result.canonical is not None:
        return {"message_id": result.message_id, "registration_id": result.canonical}
    return {"message_id": result.message_id}


def plain_answer(result: Result) -> bytes:
    """The body of a plain-text answer. No line break at its end: clients compare it."""
    if isinstance(result, Refused):
        return f"Error={result.error}".encode()
    lines = [f"id={result.message_id}"]
    if result.canonical is not None:
        lines.append(f"registration_id={result.canonical}")
    return "\n".join(lines).encode()
