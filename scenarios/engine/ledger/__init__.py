"""What became of every notification, and whether it adds up: judged from the trace alone."""
