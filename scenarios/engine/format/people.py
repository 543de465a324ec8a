"""The users of a site as a scenario file writes them: a role, or a mapping that says more.

`name` is what the site calls somebody, first and last name; without one the seed gives it. What
somebody is besides their role (`suspended`, `deleted`, `emailstop`) they become when the phones
have been set up, just before the flow begins: so a suspended user's phone is registered.
"""

from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
)
from pydantic_core import PydanticCustomError

from scenarios.engine.format.quantities import mistake
from server.moodle.settings import MAX_PERSON_NAME, Role, checked_person_name

_ROLES: Final = TypeAdapter(Role)


def _full_name(name: str) -> str:
    first, _, last = name.partition(" ")
    try:
        for part in (first, last):
            checked_person_name(part)
    except ValueError as error:
        raise _error(str(error)) from None
    if not first or not last.strip() or name != name.strip():
        raise _error("a name is a first and a last name, with a blank between them")
    if max(len(first), len(last)) > MAX_PERSON_NAME:
        raise _error(f"a first or last name has at most {MAX_PERSON_NAME} characters")
    return name


def _error(message: str) -> PydanticCustomError:
    return mistake("bad_name", message, "for instance 'name: Ana García'")


def _from_role(value: Any) -> Any:
    return {"role": _ROLES.validate_python(value)} if isinstance(value, str) else value


class User(BaseModel):
    """Somebody with an account on the site."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    name: Annotated[str, AfterValidator(_full_name)] | None = Field(
        default=None, description="First and last name; one from the seed if left out."
    )
    suspended: bool = Field(
        default=False, strict=True, description="Cannot log in, and gets no pushes."
    )
    deleted: bool = Field(
        default=False,
        strict=True,
        description="Has an account no more: cannot log in, and nobody can write to them.",
    )
    emailstop: bool = Field(
        default=False,
        strict=True,
        description="Disabled all notifications, which stops pushes unless the site forces them.",
    )


SiteUser = Annotated[User, BeforeValidator(_from_role, json_schema_input_type=Role | User)]
