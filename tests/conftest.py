"""What every test shares: hypothesis' profile, and nothing that a test could not see.

Property tests draw the same examples on every machine (derandomised, no example database), like
everything else here. To search further: `HYPOTHESIS_PROFILE=explore pytest ...`, which draws anew
each time and ten times as much. No profile has a deadline: speed is measured in benchmarks/.
"""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import drop_schemas
from tests.leftovers import module_leaves_nothing_open, test_leaves_nothing_open

__all__ = ["module_leaves_nothing_open", "test_leaves_nothing_open"]

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    parent=settings.get_profile("repeatable"),
    derandomize=False,
    max_examples=1_000,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# A shell that runs tests in the background lets them, and the processes that they start, ignore
# SIGINT; tests that interrupt such a process would wait for its end for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _databases_end_with_the_test(test_leaves_nothing_open: None) -> Iterator[None]:
    yield
    drop_schemas()
