"""The web service functions of the site, by name."""

from server.moodle.functions import airnotifier, message, string, webservice
from server.moodle.functions.function import Function

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for group in (webservice, message, string, airnotifier)
    for function in group.FUNCTIONS
}
"""In the order in which the site information lists those of the mobile service."""
