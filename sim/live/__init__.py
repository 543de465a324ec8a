"""The live world: the wall clock, real sockets on loopback, servers as processes of their own.

It has the surface of the simulated world that the scenario engine, phones and push services use
(`LiveWorld` for `sim.world.World`, `LiveHost` for `sim.hosts.Host`), so that nothing below the
engine knows in which of the two it is. What runs in this process (phones, browsers, push services)
runs on one ordinary asyncio loop. Not repeatable to the byte: the machine decides what takes how
long.
"""
