"""Information about the site, the first thing an app asks for."""

from typing import Any

from server.moodle.functions.function import CORE_VERSION, Call, Function
from server.moodle.parameters import Multiple, Param, Scalar, Single

RELEASE = "2.5 (Build: 20130514)"


def _siteinfo(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    user, wwwroot = call.user, call.site.settings.wwwroot
    return {
        "sitename": call.site.settings.sitename,
        "username": user.username,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "fullname": user.fullname,
        "lang": "en",
        "userid": user.id,
        "siteurl": wwwroot,
        "userpictureurl": f"{wwwroot}/theme/image.php?theme=standard&component=core&image=u%2Ff1",
        "functions": [
            {"name": function.name, "version": function.version}
            for function in call.functions.values()
            if function.mobile
        ],
        "downloadfiles": 1,
        "release": RELEASE,
        "version": CORE_VERSION,
        "mobilecssurl": "",
    }


# The argument is accepted and ignored.
_PARAMETERS = Single({"serviceshortnames": Multiple(Scalar(Param.ALPHANUMEXT), default=())})

FUNCTIONS = (
    Function("moodle_webservice_get_siteinfo", _PARAMETERS, _siteinfo),
    Function("core_webservice_get_site_info", _PARAMETERS, _siteinfo, mobile=False),
)
