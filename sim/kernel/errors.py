"""Errors of the kernel that code outside it may want to tell apart."""

from typing import Any


class KernelError(RuntimeError):
    """Base of all errors the kernel raises by itself."""


class StandstillError(KernelError):
    """Nothing is scheduled any more, but somebody still waits: time can never move again."""


class LivelockError(KernelError):
    """Very many turns passed without time moving: two parties keep waking each other."""


class EscapeError(KernelError):
    """Code inside the world reached for something real: a thread, a process, a sleep, a socket."""


class UnhandledErrors(Exception):
    """Errors in callbacks and tasks that nothing in the world handled; each with what asyncio said
    of it.
    """

    def __init__(self, contexts: list[dict[str, Any]]) -> None:
        self.contexts = contexts
        lines = [f"{context['message']}: {context.get('exception')!r}" for context in contexts]
        super().__init__("; ".join(lines))
