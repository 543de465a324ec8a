"""The push services bound what a peer may take, in a simulated world and on real sockets."""

from pathlib import Path

import pytest

from tests.conformance import doorkeepers
from tests.conformance.stage import ARMS, Arm, Check


@pytest.mark.parametrize("check", doorkeepers.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("arm", ARMS)
def test_a_peer_takes_no_more_than_its_share(arm: Arm, check: Check, tmp_path: Path) -> None:
    arm(check, tmp_path)
