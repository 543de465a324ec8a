"""Which keys the format knows at a place of a file, for suggestions."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel

from scenarios.engine.format.nodes import Location


def known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys of the mapping at a location below a model, as they are written in files."""
    candidates: list[Any] = [model]
    for step in location:
        candidates = [inner for each in candidates for inner in _below(each, step)]
    return [
        field.alias or name
        for each in candidates
        if _is_model(each)
        for name, field in each.model_fields.items()
    ]


def _below(annotation: Any, step: str | int) -> list[Any]:
    """The types that a step into a type may lead to."""
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if step == (field.alias or name):
                return _branches(field.annotation)
        extra = annotation.__annotations__.get("__pydantic_extra__")
        return _below(extra, step) if extra is not None else []
    arguments = get_args(annotation)
    if get_origin(annotation) is list:
        return _branches(arguments[0])
    if get_origin(annotation) is dict:
        return _branches(arguments[1])
    return [annotation]  # the name of a union's branch


def _branches(annotation: Any) -> list[Any]:
    """A type without Annotated, or the members of a union."""
    origin = get_origin(annotation)
    if origin in (list, dict) or origin is None:
        return [annotation]
    return [inner for each in get_args(annotation) for inner in _branches(each)]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
