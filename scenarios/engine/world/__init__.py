"""The world of a scenario, put together from its parts: servers, push services, people, faults."""
