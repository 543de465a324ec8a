"""The simulated world: virtual time, a network in memory, push services and what they recorded."""
