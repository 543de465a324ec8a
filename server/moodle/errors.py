"""The exceptions of Moodle that reach a client, with their class names, codes and texts.

Clients compare these texts. `exception` is the PHP class name as Moodle up to 4.4 prints it.
"""

_TEXTS = {
    "accessexception": "Access control exception",
    "cannotcreatetoken": "No permission to create web service token for the service {a}.",
    "codingerror": "Coding error detected, it must be fixed by a programmer: {a}",
    "disabled": "Messaging is disabled on this site",
    "dmlwriteexception": "Error writing to database",
    "enablewsdescription": "Web services must be enabled in Advanced features.",
    "invalidparameter": "Invalid parameter value detected",
    "invalidrecord": "Can not find data record in database table {a}.",
    "invalidsesskey": "Incorrect sesskey submitted, form not accepted!",
    "invalidtoken": "Invalid token - token not found",
    "missingparam": "A required parameter ({a}) was missing",
    "nopermissions": "Sorry, but you do not currently have permissions to do that ({a})",
    # There is no such string in Moodle, so clients see its name.
    "permissionnotimplemented": "error/permissionnotimplemented",
    "redirecterrordetected": "Unsupported redirect detected, script execution terminated",
    "requirecorrectaccess": "Invalid url or port.",
    "requireloginerror": "Course or activity not accessible.",
    "reverseproxyabused": (
        "Reverse proxy enabled, server can not be accessed directly, sorry."
        "<br />Please contact server administrator."
    ),
    "servicenotavailable": ("Web service is not available (it doesn't exist or might be disabled)"),
    "sslonlyaccess": "For security reasons only https connections are allowed, sorry.",
    "unknowndevice": "Unknown device",
    # Up to 2.8 a wrong password is reported with this text, too.
    "usernamenotfound": "The username was not found in the database",
    "wwwrootmismatch": (
        'Incorrect access detected, this server may be accessed only through "{a}" address, sorry.'
        "<br />Please notify server administrator."
    ),
}

_CLASSES = {
    "accessexception": "webservice_access_exception",
    "codingerror": "coding_exception",
    "dmlwriteexception": "dml_write_exception",
    "invalidparameter": "invalid_parameter_exception",
    "invalidrecord": "dml_missing_record_exception",
    "nopermissions": "required_capability_exception",
}


class MoodleError(Exception):
    """Something that Moodle answers with an exception of its own.

    `detail` is for whoever reads the site's code or tests; clients get it only where the text
    of the code has a place for it (`a`).
    """

    def __init__(self, code: str, a: str = "", *, detail: str = "") -> None:
        super().__init__(code, detail or a)
        self.code = code
        self.exception = _CLASSES.get(code, "moodle_exception")
        self.message = _TEXTS[code].replace("{a}", a)
