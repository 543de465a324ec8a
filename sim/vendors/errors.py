"""What can go wrong at a push service, as code sees it.

What a provider is told is a status of its protocol, not an exception: see `apns.frames.Status` and
`gcm.sending.Refused`.
"""


class MalformedInput(Exception):
    """The bytes of a peer are not the protocol that it should speak; nothing behind them can be
    read."""


class UnknownDevice(LookupError):
    """No device has this identity here; add it or let it connect first."""


class UnknownRegistration(LookupError):
    """The app has no registration on this device."""
