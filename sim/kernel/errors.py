"""Errors of the kernel that code outside it may want to tell apart."""


class KernelError(RuntimeError):
    """Base of all errors the kernel raises by itself."""


class StandstillError(KernelError):
    """Nothing is scheduled any more, but somebody still waits: time can never move again."""


class LivelockError(KernelError):
    """Very many turns passed without time moving: two parties keep waking each other."""


class EscapeError(KernelError):
    """Code inside the world reached for something real: a thread, a process, a sleep, a socket."""
