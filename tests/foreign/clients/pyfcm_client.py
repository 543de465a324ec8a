"""Drive pyfcm 1.5.4. Reads {url, key, tokens, options} in JSON, writes what pyfcm made of the
answer, or {raised: class}.

Runs in an environment of its own, without anything of this project.
"""

import json
import sys

from pyfcm import FCMNotification


def main() -> None:
    task = json.load(sys.stdin)

    class Service(FCMNotification):
        FCM_END_POINT = task["url"]

    service = Service(api_key=task["key"])
    try:
        answer = service.notify_multiple_devices(
            registration_ids=task["tokens"], **task.get("options", {})
        )
    except Exception as error:
        answer = {"raised": type(error).__name__}
    print(json.dumps(answer))


main()
