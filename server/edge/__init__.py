"""The HTTP edge of both servers: connections with limits, and one voice for every answer."""
