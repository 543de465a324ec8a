"""Every step that a file may name is implemented, and nothing else is."""

from scenarios.engine.format.steps_catalog import OBSERVATIONS, STEPS
from scenarios.engine.running.steps.implemented import REGISTRY


def test_the_steps_are_those_of_the_catalogue() -> None:
    assert REGISTRY.keys() == STEPS.keys()


def test_what_is_measured_is_what_conditions_may_name() -> None:
    from scenarios.engine.ledger.fates import Ledger
    from scenarios.engine.ledger.observations import Observations

    measured = set(Observations(Ledger()).all())
    named = {name for name in OBSERVATIONS if "<" not in name}
    assert named <= measured
    assert {name for name in measured if not name.startswith("fates.")} - named == {
        "gcm.connections_opened"
    }
