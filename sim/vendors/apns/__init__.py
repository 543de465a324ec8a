"""Apple's push service as of 2013: the binary provider gateway and the phones' courier connections.

Not here: the feedback service and the HTTP/2 provider API.
"""
