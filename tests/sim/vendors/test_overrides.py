"""Settings of a push service that are others for a while."""

import pytest
from pydantic import ValidationError

from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.overrides import Overrides


class Holder:
    """What a push service does with them."""

    def __init__(self) -> None:
        self.settings = ApnsSettings()
        self.overrides = Overrides(self.settings, self.apply)
        self.uses = 0

    def apply(self, settings: ApnsSettings) -> None:
        self.settings = settings

    def used(self) -> None:
        self.uses += 1


@pytest.fixture
def holder() -> Holder:
    return Holder()


def test_other_values_hold_until_the_end(holder: Holder) -> None:
    before = holder.settings
    override = holder.overrides.add({"close_delay": 5.0}, holder.used)
    assert holder.settings.close_delay == 5.0
    override.end()
    override.end()
    assert holder.settings == before


def test_overrides_may_overlap_and_end_in_any_order(holder: Holder) -> None:
    first = holder.overrides.add({"close_delay": 5.0, "no_error_packet": 0.5}, holder.used)
    second = holder.overrides.add({"close_delay": 7.0}, holder.used)
    assert (holder.settings.close_delay, holder.settings.no_error_packet) == (7.0, 0.5)
    first.end()
    assert (holder.settings.close_delay, holder.settings.no_error_packet) == (7.0, 0.0)
    second.end()
    assert holder.settings.close_delay == ApnsSettings().close_delay


def test_the_one_whose_value_counts_is_told_of_its_use(holder: Holder) -> None:
    other = Holder()
    holder.overrides.add({"close_delay": 5.0}, other.used)
    holder.overrides.add({"close_delay": 7.0}, holder.used)
    holder.overrides.note("close_delay")
    holder.overrides.note("reject_delay")
    assert (holder.uses, other.uses) == (1, 0)


def test_what_is_read_once_cannot_be_other_for_a_while(holder: Holder) -> None:
    with pytest.raises(ValueError, match="reinstall_keeps_token is read when the service starts"):
        holder.overrides.add({"reinstall_keeps_token": False}, holder.used)
    assert holder.settings == ApnsSettings()


def test_a_value_that_the_settings_do_not_take_changes_nothing(holder: Holder) -> None:
    with pytest.raises(ValidationError):
        holder.overrides.add({"close_delay": -1.0}, holder.used)
    assert holder.settings == ApnsSettings()
