"""Drive pushjack 1.6.0. Reads {port, certificate, tokens, message, options} in JSON, writes
{errors: [[class, code, identifier, token]...], successes: [...]}, or for `feedback` its tokens.

Runs in an environment of its own, without anything of this project: pushjack needs Python 3.11 or
older (ssl.wrap_socket is gone since).
"""

import json
import sys

import pushjack


def main() -> None:
    task = json.load(sys.stdin)

    class Client(pushjack.APNSClient):
        host = feedback_host = "127.0.0.1"
        port = task["port"]
        feedback_port = task.get("feedback_port", 1)

    client = Client(certificate=task["certificate"], default_error_timeout=0.5)
    if task.get("feedback"):
        print(json.dumps([token.token for token in client.get_expired_tokens()]))
        return
    response = client.send(task["tokens"], task.get("message"), **task.get("options", {}))
    client.close()
    errors = [
        [type(error).__name__, error.code, error.identifier, response.tokens[error.identifier]]
        for error in response.errors
    ]
    print(json.dumps({"errors": errors, "successes": response.successes}))


main()
