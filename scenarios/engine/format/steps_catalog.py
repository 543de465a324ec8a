"""The steps that a scenario may name: who does them, with what, and what they answer.

This is the static contract, enough to check a file without running anything; how a step is done
is in `scenarios/engine/running/steps/`, one implementation for each name here (a test compares).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Actor = Literal["phone", "fleet", "person", "gateway"]
"""Kinds of actors for `by:`. A phone and a person are named in the file; `fleet` and `gateway`
are written as such."""

ArgumentType = Literal[
    "text",  # any text
    "token",  # a push token, as a phone's accept_push answered it
    "user",  # the name of a user of the site
    "recipients",  # the name of a user, or `all`
    "phone",  # the name of a phone
    "boolean",
    "duration",  # read into seconds
    "choice",  # one of `choices`
]


@dataclass(frozen=True, slots=True)
class Argument:
    """One key of a step's `with`."""

    type: ArgumentType
    help: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepContract:
    """The contract of one step. `by` is empty for a step that nobody does (`wait`).

    `results` names what `$result.<name>` and `expect` may use; a name that ends in `.*` stands for
    every name below it. `within` says what the step's `within:` limits, None if it takes none.
    """

    help: str
    by: tuple[Actor, ...] = ()
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    within: str | None = None
    within_required: bool = False
    titles: Mapping[str, str] = field(default_factory=dict)
    """What it is with one of the values that it may be done with, where that is another thing."""

    def title(self, arguments: Mapping[str, object]) -> str:
        """What is done in a step with these arguments, for reports."""
        return next(
            (self.titles[v] for v in map(str, arguments.values()) if v in self.titles), self.help
        )

    def has_result(self, name: str) -> bool:
        """Whether `name` is one of the results: `status`, `custom.id`."""
        return name in self.results or any(
            known.endswith(".*") and name.startswith(known[:-1]) and len(name) > len(known) - 1
            for known in self.results
        )


_TOKEN: Final = Argument("token", "the push token; the phone's own when left out")
_PROCESSOR: Final = Argument("choice", "the message output", choices=("airnotifier",))
_PHONE: Final = Argument(
    "phone", "the phone whose device entry on the site is meant", required=True
)
_STATUS: Final = {"status": "HTTP status of the answer"}
_PREFERENCES: Final = {"status": "HTTP status of the answer to the preferences form"}
_SITE_ANSWERS: Final = "how long the site may take to answer"


def _phone(
    help: str, results: Mapping[str, str] | None = None, within: str | None = None,
    **arguments: Argument,
) -> StepContract:  # fmt: skip
    """What a named phone does, or its user with it."""
    return StepContract(help, ("phone",), arguments, results or {}, within)


def _phones(help: str) -> StepContract:
    """What happens to a named phone, or to the whole fleet."""
    return StepContract(help, ("phone", "fleet"))


def _person(
    help: str, results: Mapping[str, str], within: str | None = None, **arguments: Argument
) -> StepContract:
    """What a user does on the site."""
    return StepContract(help, ("person",), arguments, results, within)


STEPS: Final[Mapping[str, StepContract]] = {
    # The ten steps, in their order
    "open_app": _phone(
        "1 · the user opens the app", {"state": "life cycle of the app afterwards: open"}
    ),
    "accept_push": _phone(
        "2 · the user accepts push notifications; the phone gets its push token",
        {"token": "push token: lowercase hex on iOS, registration id on Android"},
        "how long the push service may take to issue the token",
    ),
    "decline_push": _phone("2 · the user declines push notifications"),
    "register_gateway": _phone(
        "3 · the app registers its token at the gateway",
        {
            **_STATUS,
            "answer": "the gateway's words: ok, token exists, or why it refused",
            "refused": "whether the gateway said no",
        },
        "how long the gateway may take to answer",
        token=_TOKEN,
        key=Argument(
            "choice",
            "the access key to present; left out: the one the app's registration order uses",
            choices=("app", "site"),
        ),
        channel=Argument("text", "channel to subscribe to; the site's own when left out"),
    ),
    "login": _phone(
        "4 · the user logs in on the site, in the app",
        _STATUS,
        _SITE_ANSWERS,
        user=Argument("user", "who logs in", required=True),
    ),
    "register_site": _phone(
        "5 · the app registers the device on the site",
        {**_STATUS, "device": "the site's id of the device"},
        _SITE_ANSWERS,
        token=_TOKEN,
    ),
    "enable": _person(
        "6 · the user switches push on: the preference of the processor, and the device",
        _PREFERENCES,
        processor=_PROCESSOR,
        device=_PHONE,
    ),
    "message": _person(
        "7 · somebody sends a message on the site",
        {
            "id": "the site's id of the message (of the first one, if there are several)",
            "sent": "how many messages the site created",
        },
        "how long the sender waits for the site",
        to=Argument("recipients", "who gets it: a user, or `all` others", required=True),
        text=Argument("text", "the message", required=True),
    ),
    "dispatch": StepContract(
        "8 · the gateway hands what it accepted since the last message to the push services",
        by=("gateway",),
        results={
            "accepted": "pushes that the gateway accepted",
            "dispatched": "of these, written to a push service",
            "refused": "pushes that the gateway refused",
        },
        within="how long until every accepted push has been written",
    ),
    "receive": StepContract(
        "9 · the phone receives the push (a fleet: every phone that should)",
        by=("phone", "fleet"),
        results={
            "alert": "the text shown",
            "badge": "the number on the app's icon",
            "sound": "the sound played",
            "custom.*": "a custom field of the push: custom.id is the site's id of the message",
            "count": "pushes received, repeated deliveries not counted",
        },
        within="how long until the push is there",
    ),
    "open_at_page": _phone(
        "10 · the app opens on the page of the push (by a tap, unless it is open already)",
        {
            "page": "the page: message",
            "msgid": "the message shown, the site's id",
            "from_state": "the app's state before: closed, background or open",
        },
        "how long until the page is there",
    ),
    # Variations of them
    "disable": _person(
        "the user switches push off: the preference of the processor",
        _PREFERENCES,
        processor=_PROCESSOR,
    ),
    "set_preference": _person(
        "the user sets when the processor is used",
        _PREFERENCES,
        processor=_PROCESSOR,
        loggedin=Argument("boolean", "while the user is logged in", required=True),
        loggedoff=Argument("boolean", "while the user is not", required=True),
    ),
    "enable_device": _person("the user switches push on for one device", _STATUS, device=_PHONE),
    "disable_device": _person("the user switches push off for one device", _STATUS, device=_PHONE),
    "broadcast": _person(
        "an admin sends one push to everybody on the site's channel, md5(wwwroot)",
        {
            "status": "HTTP status of the gateway's answer",
            "refused": "whether the gateway said no",
            "channel": "the channel used",
        },
        "how long the admin waits for the page",
        text=Argument("text", "the text to show", required=True),
    ),
    "receive_nothing": StepContract(
        "the phone receives no push for a given time",
        by=("phone", "fleet"),
        within="how long to watch",
        within_required=True,
    ),
    "dismiss": _phone(
        "the user swipes the notification away",
        {"msgid": "the message that it was about, the site's id"},
    ),
    # The phone
    "set_app_state": StepContract(
        "the user closes the app, leaves it in the background or opens it",
        by=("phone",),
        arguments={
            "state": Argument(
                "choice",
                "life cycle of the app",
                required=True,
                choices=("closed", "background", "open"),
            )
        },
        titles={
            "closed": "the user closes the app",
            "background": "the user leaves the app in the background",
            "open": "the user opens the app",
        },
    ),
    "go_offline": _phones("the phone loses its network; nobody is told"),
    "go_online": _phones("the phone has its network again"),
    "power_off": _phones("the phone is switched off, or its battery is empty; nobody is told"),
    "power_on": _phones("the phone is switched on again"),
    "uninstall": _phone("the user removes the app"),
    "reinstall": _phone(
        "the user installs the removed app again and sets it up: accepts push, registers, logs in",
        {"token": "its push token now; missing if it was not set up"},
        "how long setting it up may take",
        set_up=Argument(
            "boolean", "whether the user sets it up, too; if not, it is closed and knows nothing"
        ),
    ),
    # Time
    "settle": StepContract(
        "wait until every notification has come to its fate and nothing is on its way",
        within="how long that may take",
    ),
    "wait": StepContract(
        "let virtual time pass",
        arguments={"for": Argument("duration", "how long", required=True)},
    ),
}

OBSERVATIONS: Final[Mapping[str, str]] = {
    "fates.<fate>": "notifications with that fate, for the fates that `expect.fates` knows",
    "gateway.accepted": "pushes the gateway accepted",
    "gateway.refused": "pushes the gateway refused",
    "gateway.resent": "pushes written to a push service again, after a rejected one",
    "gateway.pruned": "tokens the gateway removed",
    "gateway.unresolved": "pushes the gateway gave up because it could not learn their outcome",
    "apns.connections_opened": "connections from the gateway to APNs",
    "apns.accepted": "notifications APNs accepted",
    "apns.rejected": "notifications APNs rejected",
    "apns.discarded": "notifications APNs threw away behind a rejected one",
    "gcm.accepted": "notifications GCM accepted",
    "gcm.rejected": "notifications GCM rejected",
    "phones.strangers": "notifications that came to a phone where somebody else was logged in",
    "site.requested": "pushes the site asked the gateway for",
    "site.suppressed": "messages the site sent no push for",
}
"""What `that:` and `when:` of `expect` may name without a `$`, measured over the whole run."""
