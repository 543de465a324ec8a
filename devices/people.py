"""The people of a run: names, accounts and the names of their phones, from Faker.

Everything follows from the stream handed in: the same stream gives the same people in the same
order. User names are unique within one `People` and fit Moodle's PARAM_USERNAME (lower-case
letters, digits, `-._@`), whatever script the person's name is written in.

Simplification: a person's e-mail address is made of the user name in a reserved domain, so no
invented person can own a real address.
"""

import random
import unicodedata
from dataclasses import dataclass, field
from typing import Literal

from faker import Faker

Platform = Literal["ios", "android"]

_MODELS: dict[Platform, tuple[str, ...]] = {
    "ios": ("iPhone 3GS", "iPhone 4", "iPhone 4S", "iPhone 5", "iPad mini"),
    "android": ("Nexus 4", "Galaxy S III", "Galaxy Nexus", "HTC One", "Xperia Z"),
}
"""Common phones of spring 2013."""

_PASSWORD_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account on a site."""

    username: str
    password: str = field(repr=False)
    firstname: str
    lastname: str
    email: str

    @property
    def fullname(self) -> str:
        return f"{self.firstname} {self.lastname}"


class People:
    """An endless supply of people.

    `locale` is a Faker locale (`en_GB`, `es_ES`, `ja_JP`, ...); an unknown one raises
    AttributeError as Faker does.
    """

    def __init__(self, stream: random.Random, *, locale: str = "en_GB") -> None:
        self._stream = stream
        self._faker = Faker(locale)
        self._faker.seed_instance(stream.getrandbits(64))
        self._taken: dict[str, int] = {}

    def person(self, username: str | None = None) -> Person:
        """The next person; with `username`, one who has that account name.

        Raises ValueError when that name is already taken.
        """
        firstname = self._faker.first_name()
        lastname = self._faker.last_name()
        if username is None:
            username = self._unique(_account_name(firstname, lastname))
        elif username in self._taken:
            raise ValueError(f"there is already somebody called {username!r}")
        self._taken.setdefault(username, 1)
        password = "".join(self._stream.choices(_PASSWORD_LETTERS, k=12))
        return Person(username, password, firstname, lastname, f"{username}@example.org")

    def device_name(self, person: Person, platform: Platform) -> str:
        """What the person's phone is called, for instance `Zoë's iPhone 5`."""
        return f"{person.firstname}'s {self._stream.choice(_MODELS[platform])}"

    def _unique(self, wanted: str) -> str:
        name, number = wanted, self._taken.get(wanted, 0)
        while name in self._taken:
            number += 1
            name = f"{wanted}{number}"
        self._taken[wanted] = max(number, 1)
        return name


def _account_name(firstname: str, lastname: str) -> str:
    decomposed = unicodedata.normalize("NFKD", f"{firstname}.{lastname}".lower())
    letters = "".join(c for c in decomposed if c.isascii() and (c.isalnum() or c in ".-"))
    return letters.strip(".-") or "user"
