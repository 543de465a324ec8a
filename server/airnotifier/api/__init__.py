"""The HTTP API of 2013/2014 (version 1)."""
