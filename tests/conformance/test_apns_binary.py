"""The mock APNs gateway passes the same checks in a simulated world and on real sockets."""

from pathlib import Path

import pytest

from tests.conformance import apns_binary, apns_connections
from tests.conformance.stage import ARMS, Arm, Check


@pytest.mark.parametrize(
    "check", apns_binary.CHECKS + apns_connections.CHECKS, ids=lambda check: check.__name__
)
@pytest.mark.parametrize("arm", ARMS)
def test_the_binary_interface_conforms(arm: Arm, check: Check, tmp_path: Path) -> None:
    arm(check, tmp_path)
