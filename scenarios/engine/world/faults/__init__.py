"""The faults that a scenario may name, each brought about by whoever brings it about in reality:
the network drops, the host loses its power, the push service closes, the user removes the app.

From Python, once a deployment has started:

    injection = inject(deployment, Fault.model_validate(
        {"id": "cut", "target": "link.gateway-apns", "inject": "partition"}))
    ...
    injection.end()

`inject` begins at once and `end` takes the fault back; windows are for scenario files (`plan`).
Contracts are in `fault_catalog.py`.
"""

from scenarios.engine.format.fault_model import Fault
from scenarios.engine.world.faults.implemented import inject
from scenarios.engine.world.faults.injection import Injection

__all__ = ["Fault", "Injection", "inject"]
