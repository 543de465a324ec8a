"""Drive python-gcm 0.4. Reads {url, key, form: json or plain, arguments} in JSON, writes what it
made of the answer, or {raised: class}.

Runs in an environment of its own, without anything of this project.
"""

import json
import sys

from gcm import GCM


def main() -> None:
    task = json.load(sys.stdin)
    service = GCM(task["key"])
    service.url = task["url"]
    send = service.json_request if task["form"] == "json" else service.plaintext_request
    try:
        answer = send(**task["arguments"])
    except Exception as error:
        answer = {"raised": type(error).__name__}
    print(json.dumps(answer))


main()
