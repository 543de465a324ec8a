"""The network of a world: hosts' links, connections in memory, transports for asyncio, TLS."""
