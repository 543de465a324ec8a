"""Declared shapes of web service arguments, and the check of what arrived against them.

Moodle never repairs an argument: it cleans the value for its type and refuses it when cleaning
changed anything. Everything that does not fit is `invalidparameter` (Moodle 2.5,
`external_api::validate_parameters`). Types are those that the functions here use.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from server.moodle.errors import MoodleError
from server.moodle.phpargs import PhpArray, PhpValue

_INT = re.compile(r"0|-?[1-9][0-9]{0,18}")
_ALPHA = re.compile(r"[a-zA-Z]*")
_ALPHANUMEXT = re.compile(r"[a-zA-Z0-9_-]*")
_COMPONENT = re.compile(r"[a-z]+(_[a-z][a-z0-9_]*)?[a-z0-9]|")
# strip_tags() takes every "<" for the start of a tag unless a blank follows.
_TAG = re.compile(r"<(?![ \t\n\v\f\r])")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Param(Enum):
    """Moodle's PARAM_* types. Values are the names that its error details use."""

    INT = "int"
    BOOL = "bool"
    RAW = "raw"
    TEXT = "text"
    ALPHA = "alpha"
    ALPHANUMEXT = "alphanumext"
    COMPONENT = "component"


class Required(Enum):
    """VALUE_REQUIRED, or VALUE_OPTIONAL: may be absent and then stays absent."""

    REQUIRED = 1
    OPTIONAL = 2


REQUIRED = Required.REQUIRED
OPTIONAL = Required.OPTIONAL


@dataclass(frozen=True)
class Scalar:
    """One value. `default` is a value (VALUE_DEFAULT), REQUIRED or OPTIONAL."""

    type: Param
    default: Any = REQUIRED


@dataclass(frozen=True)
class Single:
    """A structure with named members."""

    members: Mapping[str, "Description"]
    default: Any = REQUIRED


@dataclass(frozen=True)
class Multiple:
    """A list of equal things. Keys do not matter, only the order of arrival does."""

    content: "Description"
    default: Any = REQUIRED


Description = Scalar | Single | Multiple


def validate(description: Description, value: PhpValue, name: str = "") -> Any:
    """The value in Python's types: dict, list, str, int, bool. Raises `invalidparameter`."""
    if isinstance(description, Scalar):
        if isinstance(value, PhpArray):
            raise _invalid(f"{name}: a scalar is expected")
        return _scalar(description.type, value, name)
    if not isinstance(value, PhpArray):
        raise _invalid(f"{name}: an array is expected")
    if isinstance(description, Multiple):
        return [validate(description.content, item, name) for item in value.values()]
    return _single(description, value)


def _single(description: Single, value: PhpArray) -> dict[str, Any]:
    result: dict[str, Any] = {}
    known = 0
    for name, member in description.members.items():
        if name in value:
            known += 1
            result[name] = validate(member, value[name], name)
        elif member.default is REQUIRED:
            raise _invalid(f"{name}: missing")
        elif member.default is not OPTIONAL:
            result[name] = member.default
    if known != len(value):
        unexpected = [name for name in value if name not in description.members]
        raise _invalid(f"unexpected keys: {', '.join(unexpected)}")
    return result


def _scalar(kind: Param, value: str, name: str) -> Any:
    # fix_utf8() drops what is not UTF-8, so such a value never survives its cleaning.
    if "\0" in value or (not value.isascii() and _SURROGATE.search(value)):
        raise _invalid(f"{name}: not clean text")
    match kind:
        case Param.INT:
            if _INT.fullmatch(value) and -(2**63) <= (number := int(value)) < 2**63:
                return number
        case Param.BOOL:
            # Cleaning turns "true" into "1", which is not what was submitted.
            if value in ("0", "1"):
                return value == "1"
        case Param.RAW:
            return value
        case Param.TEXT:
            if not _TAG.search(value):
                return value
        case Param.ALPHA:
            if _ALPHA.fullmatch(value):
                return value
        case Param.ALPHANUMEXT:
            if _ALPHANUMEXT.fullmatch(value):
                return value
        case Param.COMPONENT:
            if _COMPONENT.fullmatch(value):
                return value
    raise _invalid(f"{name}: not of type {kind.value}")


def _invalid(detail: str) -> MoodleError:
    return MoodleError("invalidparameter", detail=detail)
