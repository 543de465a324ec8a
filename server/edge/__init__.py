"""The HTTP edge of both servers: connections with limits, and our own words in every answer."""
