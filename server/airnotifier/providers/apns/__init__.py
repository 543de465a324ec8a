"""The binary APNs protocol, from a backlog of pushes to bytes on a TLS connection.

`provider` owns the links; `link` is one connection after another, and `forgetful` the link of 2013;
`window` holds what silence has not confirmed yet, `suspicion` who makes the server hang up, and
`arrivals` what TCP has acknowledged (`tcp_progress`); `connection` is the socket, `frames` the
bytes, `pace` how often a new connection may be opened.
"""
