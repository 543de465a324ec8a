"""The mock GCM server passes the same checks in a simulated world and on real sockets."""

from pathlib import Path

import pytest

from tests.conformance import gcm_http, gcm_http_answers, gcm_http_fields
from tests.conformance.stage import ARMS, Arm, Check


@pytest.mark.parametrize(
    "check",
    gcm_http.CHECKS + gcm_http_answers.CHECKS + gcm_http_fields.CHECKS,
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("arm", ARMS)
def test_the_http_connection_server_conforms(arm: Arm, check: Check, tmp_path: Path) -> None:
    arm(check, tmp_path)
