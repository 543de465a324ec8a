"""Which host the running code belongs to.

The host is read from the context, not from the task: since Python 3.12 libraries make eager tasks
without asking the loop, but a context is inherited by everything that is started from it.
"""

from contextvars import ContextVar
from typing import Any

current_host: ContextVar[Any] = ContextVar("current_host")
"""The `sim.hosts.Host` whose code is running. Unset outside any host."""
