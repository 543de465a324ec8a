"""The version of Airbed that runs."""

from importlib.metadata import PackageNotFoundError, version


def airbed_version() -> str:
    """Such as `0.1.0`; `(not installed)` when the code runs from a tree that is no package."""
    try:
        return version("airbed")
    except PackageNotFoundError:
        return "(not installed)"
