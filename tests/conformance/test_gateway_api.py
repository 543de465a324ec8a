"""The gateway passes the same checks in a simulated world and on real sockets."""

from pathlib import Path

import pytest

from tests.conformance import gateway_api, gateway_arguments, gateway_forms
from tests.conformance.stage import ARMS, Arm, Check


@pytest.mark.parametrize(
    "check",
    gateway_api.CHECKS + gateway_arguments.CHECKS + gateway_forms.CHECKS,
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("arm", ARMS)
def test_the_interface_of_the_gateway_conforms(arm: Arm, check: Check, tmp_path: Path) -> None:
    arm(check, tmp_path)
