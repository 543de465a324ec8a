"""The network's faults do the same to simulated and to real connections."""

import pytest

from sim.net.faults import FAMILIES
from tests.conformance.fault_grounds import ARMS, Body
from tests.conformance.faults import BODIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fault_of_the_network_has_a_body_that_runs_in_both_worlds(family: str) -> None:
    assert family in BODIES, f"write a body for {family} in tests/conformance/faults.py"


@pytest.mark.live
@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.__name__)
@pytest.mark.parametrize(
    "body",
    [body for bodies in BODIES.values() for body in bodies],
    ids=lambda body: body.__name__,
)
def test_a_fault_does_the_same_in_both_worlds(body: Body, arm: object) -> None:
    assert callable(arm)
    arm(body)
