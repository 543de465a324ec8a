"""Google's push service as of 2013: the HTTP provider API, registration, and the phones' MTalk
connections.

Not here: CCS (XMPP), FCM HTTP v1, topics, notification keys, upstream messages, throttling.
"""
