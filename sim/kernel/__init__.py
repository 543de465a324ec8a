"""Time and order: the SimPy environment, the asyncio loop on its clock, identity, seeds and the
guard.

Imports nothing else of this project. The loop knows the network only as an object with the
methods of `sim.kernel.loop.NetworkStack`.
"""
