"""All steps by name: importing a theme's module registers its steps."""

from typing import Final

from scenarios.engine.running.steps import app, messaging, person, phone, time
from scenarios.engine.running.steps.registry import REGISTRY, Implementation

THEMES: Final = (app, messaging, person, phone, time)

__all__ = ["REGISTRY", "THEMES", "Implementation"]
