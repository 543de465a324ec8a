"""What came to a phone from an earlier run is no arrival, and the push services count it."""

from typing import Any

from scenarios.engine.ledger.audit import COUNTED, Audit, differences
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.running.arrivals import Arrivals


def delivered(nid: str, **marks: Any) -> list[dict[str, Any]]:
    """APNs accepts a push that no gateway of this run sent, and brings it to the phone."""
    return [
        {"host": "apns", "kind": "vendor.accepted", "service": "apns", "nid": nid,
         "token_ref": "a", "peer": "127.0.0.1:5", "identifier": 0, **marks},
        {"host": "apns", "kind": "vendor.sent", "service": "apns", "nid": nid, "device": "d",
         "mid": nid},
        {"host": "phone", "kind": "phone.received", "service": "apns", "mid": nid,
         "duplicate": False},
    ]  # fmt: skip


def after(*events: dict[str, Any]) -> tuple[Ledger, Arrivals]:
    ledger = Ledger()
    arrivals = Arrivals(ledger)
    session = {"host": "phone", "kind": "phone.session", "service": "apns", "device": "d"}
    for number, event in enumerate([session, *events]):
        for feed in (ledger.feed, arrivals.feed):
            feed({"t": number, **event})
    return ledger, arrivals


def test_a_push_of_an_earlier_run_is_no_arrival() -> None:
    ledger, arrivals = after(*delivered("n1", leftover="moment"), *delivered("n2"))
    assert ledger.is_leftover("phone", "n1")
    assert [each.mid for each in arrivals.of(["phone"])] == ["n2"]


def test_the_audit_has_what_is_of_an_earlier_run() -> None:
    ledger, _ = after(*delivered("n1", leftover="moment"))
    counted = dict.fromkeys(COUNTED, 0)
    apns = {**counted, "accepted": 1}
    audit = Audit(messages=0, outbox=None, counted={"apns": apns, "gcm": counted}, trays={})
    assert list(differences(ledger, audit)) == []
    assert ledger.counts()["created"] == 0
    assert ledger.findings.all == []


def test_what_somebody_noted_is_gone() -> None:
    _, arrivals = after(*delivered("n1"), *delivered("n2"), *delivered("n3"))
    arrivals.feed({"t": 9, "host": "phone", "kind": "app.opened", "mid": "n1"})
    arrivals.note("phone", "n2")
    assert [each.mid for each in arrivals.of(["phone", "tablet"])] == ["n3"]
    arrivals.forget(["phone"])
    assert arrivals.of(["phone"]) == []
