"""Settings of a push service that are others for a while: how faults are injected into it.

Overrides may overlap; where two set the same value, the later one counts.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sim.vendors.settings import PushSettings

Settings = TypeVar("Settings", bound=PushSettings)


class Override(Generic[Settings]):
    """Other values for some settings, until `end()`."""

    def __init__(
        self, owner: "Overrides[Settings]", changes: dict[str, Any], used: Callable[[], None]
    ) -> None:
        self._owner = owner
        self.changes = changes
        self.used = used

    def end(self) -> None:
        """Back to what it was without this. Harmless when it has ended."""
        self._owner.remove(self)


class Overrides(Generic[Settings]):
    """The overrides of one service. `apply` is called with the settings that hold from now on."""

    def __init__(self, settings: Settings, apply: Callable[[Settings], None]) -> None:
        self._settings = settings
        self._apply = apply
        self._active: list[Override[Settings]] = []

    def add(self, changes: dict[str, Any], used: Callable[[], None]) -> Override[Settings]:
        """Let other values hold. `used` is called each time one of them makes a fault happen.

        Raises ValueError for settings that are read once, and pydantic's ValidationError (which is
        one) for values that the settings do not take.
        """
        for name in sorted(changes.keys() & self._settings.READ_AT_START):
            raise ValueError(f"{name} is read when the service starts; set it before that")
        override = Override(self, changes, used)
        self._active.append(override)
        try:
            self._refresh()
        except ValueError:
            self._active.remove(override)
            raise
        return override

    def remove(self, override: Override[Settings]) -> None:
        """Take an override away, if it is there."""
        if override in self._active:
            self._active.remove(override)
            self._refresh()

    def note(self, name: str) -> None:
        """The value of this setting made a fault happen just now."""
        for override in reversed(self._active):
            if name in override.changes:
                override.used()
                return

    def _refresh(self) -> None:
        values = {name: getattr(self._settings, name) for name in type(self._settings).model_fields}
        for override in self._active:
            values |= override.changes
        self._apply(type(self._settings).model_validate(values))
