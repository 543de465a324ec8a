"""Each invariant is broken by a system with a defect, in a whole run, and the run says so.

The defects are put into the system under test: what the invariants are there to find.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, get_args

import pytest

from scenarios.engine.format.models import Expect
from scenarios.engine.ledger.invariants import INVARIANTS
from server.airnotifier import registry
from server.airnotifier.backlog import Backlog
from server.airnotifier.dispatcher import Dispatcher
from server.airnotifier.gateway import Gateway
from server.airnotifier.outbox import Outbox
from server.airnotifier.outcomes import Outcomes
from server.airnotifier.push import Push

Run = Callable[..., Any]
Patch = pytest.MonkeyPatch
Defect = Callable[[Patch], None]

BAD_TOKEN: Final = "id: bad, target: device.phone, inject: token_corrupt"
FLOW: Final = """\
flow:
  - {{ do: wait,    with: {{ for: 1s }} }}
  - {{ do: message, by: ana, with: {{ to: all, text: One two three }} }}
  - {{ do: wait,    with: {{ for: 60s }} }}
expect: {{ invariants: [{}] }}
"""


def pushes_are_never_crossed_out(patch: Patch) -> None:
    """What was delivered stays in the outbox."""
    patch.setattr(Outbox, "push_done", lambda self, push: None)


def dispatches_are_not_logged(patch: Patch) -> None:
    """Push services get what nobody seems to have sent."""
    patch.setattr(Outcomes, "dispatched", lambda self, push, connection, identifier: None)


def tokens_are_logged(patch: Patch) -> None:
    def log_accepted(self: Gateway, push: Push, device: str) -> None:
        fields = {"push": push.id, "app": push.app, "device": device, "broadcast": None}
        self.log.event("push.accepted", token_ref=push.token, **fields)

    patch.setattr(Gateway, "_log_accepted", log_accepted)


def pushes_are_sent_twice(patch: Patch) -> None:
    append = Backlog.append

    def twice(self: Backlog, pushes: Iterable[Push]) -> None:
        append(self, [push for push in pushes for _ in range(2)])

    patch.setattr(Backlog, "append", twice)


def pushes_are_completed_unsent(patch: Patch) -> None:
    """The gateway says that the push service has them, and never wrote them."""

    def forget(self: Dispatcher, pushes: Iterable[Push]) -> None:
        for push in pushes:
            self._lanes[push.app, push.provider].departures._outcomes.completed(push)

    patch.setattr(Dispatcher, "offer", forget)


def bad_tokens_are_kept(patch: Patch) -> None:
    patch.setattr(registry, "prune_token", lambda *arguments: False)


DEFECTS: Final[dict[str, tuple[Defect, tuple[str, ...], str]]] = {
    # invariant: (the defect, faults that bring it to light, what is said)
    "conservation": (pushes_are_never_crossed_out, (), "outbox"),
    "causal_order": (dispatches_are_not_logged, (), "which no gateway sent"),
    "no_token_leak": (tokens_are_logged, (), "the push token of phone stands in trace.jsonl"),
    "no_needless_duplicate": (pushes_are_sent_twice, (), "was taken as new 2 times"),
    "no_needless_loss": (pushes_are_completed_unsent, (), "is lost without need"),
    "bad_token_pruned": (bad_tokens_are_kept, (BAD_TOKEN,), "is still at the gateway"),
}


def test_every_invariant_has_a_defect_that_breaks_it() -> None:
    (names,) = get_args(Expect.model_fields["invariants"].annotation)
    assert {*DEFECTS} == {*INVARIANTS} == {*get_args(names)}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_system_without_the_defect_holds_it(run: Run, name: str) -> None:
    _, faults, _ = DEFECTS[name]
    done = run(*faults, flow=FLOW.format(name))
    assert done.result.verdict == "passed", done.failures
    assert [each.holds for each in done.result.invariants] == [True]


@pytest.mark.parametrize("name", DEFECTS)
def test_a_system_with_the_defect_fails_the_run_at_the_invariants_place(
    run: Run, name: str, monkeypatch: Patch
) -> None:
    defect, faults, said = DEFECTS[name]
    defect(monkeypatch)
    done = run(*faults, flow=FLOW.format(name))
    assert done.result.verdict == "failed"
    [failure] = [each.plain for each in done.result.failures]
    assert f"error[invariant]: the invariant {name} does not hold: " in failure
    assert said in failure
    assert "faults.yaml:" in failure
    [verdict] = done.result.invariants
    assert (verdict.name, verdict.holds) == (name, False)


def test_the_phone_shows_what_a_duplicate_is_about(run: Run, monkeypatch: Patch) -> None:
    pushes_are_sent_twice(monkeypatch)
    done = run(flow=FLOW.format("conservation"))
    assert done.result.fates["duplicate"] == 2
