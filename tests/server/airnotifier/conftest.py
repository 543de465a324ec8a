"""Fixtures of the gateway's tests."""

from collections.abc import Iterator

import pytest

from tests.server.airnotifier.support import Log, recorded_log


@pytest.fixture
def log() -> Iterator[Log]:
    """The gateway's events during the test."""
    with recorded_log() as log:
        yield log
