"""Fixtures of both servers' tests."""

from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture
def own_postgresql() -> Iterator[postgres.PrivateServer]:
    """A PostgreSQL that the test may stop and start."""
    if postgres.programs() is None:
        pytest.skip(postgres.MISSING)
    with postgres.PrivateServer() as server:
        yield server
