"""People from a seeded stream."""

import random
import re

import pytest

from devices.people import People

PARAM_USERNAME = re.compile(r"[a-z0-9@._-]+")


def test_the_same_stream_gives_the_same_people_in_the_same_order() -> None:
    one, two = People(random.Random(7)), People(random.Random(7))
    first = [one.person() for _ in range(20)]
    assert first == [two.person() for _ in range(20)]
    assert [one.device_name(p, "ios") for p in first] == [two.device_name(p, "ios") for p in first]


def test_another_stream_gives_other_people() -> None:
    assert People(random.Random(7)).person() != People(random.Random(8)).person()


def test_no_two_people_share_an_account_name() -> None:
    people = People(random.Random(1))
    names = [people.person().username for _ in range(3000)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("locale", ["en_GB", "es_ES", "de_DE", "ja_JP", "ar_EG", "ru_RU", "el_GR"])
def test_names_of_any_script_get_an_account_name_that_moodle_accepts(locale: str) -> None:
    people = People(random.Random(1), locale=locale)
    for _ in range(50):
        person = people.person()
        assert PARAM_USERNAME.fullmatch(person.username), person
        assert person.email == f"{person.username}@example.org"


def test_a_locale_with_its_own_script_keeps_it_in_the_name() -> None:
    person = People(random.Random(1), locale="ja_JP").person()
    assert not person.fullname.isascii()


def test_a_person_can_be_given_an_account_name_once() -> None:
    people = People(random.Random(1))
    assert people.person("ana").username == "ana"
    with pytest.raises(ValueError, match="ana"):
        people.person("ana")
