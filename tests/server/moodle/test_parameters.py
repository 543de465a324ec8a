"""Arguments are refused, never repaired."""

import pytest

from server.moodle.errors import MoodleError
from server.moodle.parameters import OPTIONAL, Multiple, Param, Scalar, Single, validate
from server.moodle.phpargs import parse


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Param.INT, "0", 0),
        (Param.INT, "-5", -5),
        (Param.INT, str(2**63 - 1), 2**63 - 1),
        (Param.BOOL, "1", True),
        (Param.BOOL, "0", False),
        (Param.RAW, "<b>\n é", "<b>\n é"),
        (Param.TEXT, "a < b > c é", "a < b > c é"),
        (Param.ALPHA, "createtoken", "createtoken"),
        (Param.ALPHA, "", ""),
        (Param.ALPHANUMEXT, "a-1_B", "a-1_B"),
        (Param.COMPONENT, "message_airnotifier", "message_airnotifier"),
    ],
)
def test_a_clean_value_is_taken(kind, text, value):
    assert validate(Scalar(kind), text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((Param.INT, text) for text in ("", "5a", " 5", "+5", "05", "-0", "5.0", "٣", "1\n")),
        (Param.INT, str(2**63)),
        (Param.INT, "9" * 5000),
        *((Param.BOOL, text) for text in ("true", "yes", "2", "")),
        *((Param.TEXT, text) for text in ("<b>", "a<3", "a<", "</p>")),
        *((Param.ALPHA, text) for text in ("create_token", "a1", "é")),
        (Param.ALPHANUMEXT, "a b"),
        (Param.COMPONENT, "../etc"),
        *((kind, "\udcc3") for kind in (Param.RAW, Param.TEXT)),
        (Param.RAW, "a\0b"),
    ],
)
def test_a_value_that_cleaning_would_change_is_refused(kind, text):
    with pytest.raises(MoodleError) as caught:
        validate(Scalar(kind), text)
    assert caught.value.code == "invalidparameter"


SHAPE = Single(
    {
        "name": Scalar(Param.RAW),
        "size": Scalar(Param.INT, 7),
        "note": Scalar(Param.RAW, OPTIONAL),
        "list": Multiple(Single({"id": Scalar(Param.INT)}), default=()),
    }
)


def test_defaults_are_filled_in_and_optional_members_stay_away():
    assert validate(SHAPE, parse("name=x")) == {"name": "x", "size": 7, "list": ()}


def test_lists_are_numbered_by_arrival():
    arguments = parse("name=x&list[9][id]=1&list[a][id]=2&list[3][id]=3")
    assert validate(SHAPE, arguments)["list"] == [{"id": 1}, {"id": 2}, {"id": 3}]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "name: missing"),
        ("name=x&other=1", "unexpected keys: other"),
        ("name[]=x", "name: a scalar is expected"),
        ("name=x&list=1", "list: an array is expected"),
        ("name=x&list[]=1", "list: an array is expected"),
        ("name=x&list[][id]=a", "id: not of type int"),
    ],
)
def test_a_wrong_shape_is_refused_with_a_detail_for_ourselves(text, detail):
    with pytest.raises(MoodleError) as caught:
        validate(SHAPE, parse(text))
    assert caught.value.args == ("invalidparameter", detail)
    assert caught.value.message == "Invalid parameter value detected"
