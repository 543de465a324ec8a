"""AirNotifier, the push gateway: takes notifications over HTTP and brings them to APNs and GCM.

Where a byte goes:

1. `app` routes a request to `api/`, where `call` reads the headers, `arguments` the body in any of
   its dialects, `targets` judges the token, and `auth` the caller.
2. `api/content` reads what is to be said, and the push service's `payload` makes what the phone
   will get of it.
3. `gateway` stores it: `outbox` and `registry` are the statements, `tables` the schema, and
   `group_commit` lets requests that come together share a transaction. Only then the client
   hears "ok".
4. `dispatcher` puts the push into the `backlog` of its application and push service.
5. `providers/apns` sends it over a TLS connection and finds out what arrived; `providers/gcm` sends
   it in an HTTP request and reads the answer.
6. `outcomes` tells the log what became of it, and the outbox that it may forget it.

Compatibility: the API of 2013/2014 with the statuses of 2014 (400, 403, 423) and the success bodies
of 2013. Delivery is at least once: after a crash, or when a connection ends without a word, what
was not confirmed is sent again. One gateway process owns its database; administrators may add
tokens from others (`admin`).

Left out so far: version 2 of the API, access keys on request, the feedback service, the pages for
administrators, and services other than APNs and GCM.
"""
