"""The faults that a scenario may name, each caused by the part that causes it in reality: the
network drops, the host loses its power, the push service closes, the user removes the app.

From Python, once a deployment has started:

    injection = inject(deployment, Fault.model_validate(
        {"id": "cut", "target": "link.gateway-apns", "inject": "partition"}))
    ...
    injection.end()

`inject` starts a fault at once and `end` ends it; windows are for scenario files (`plan`).
Contracts are in `fault_catalog.py`.
"""

from scenarios.engine.format.fault_model import Fault
from scenarios.engine.world.faults.implemented import inject
from scenarios.engine.world.faults.injection import Injection

__all__ = ["Fault", "Injection", "inject"]
