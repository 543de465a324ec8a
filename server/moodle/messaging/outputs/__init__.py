"""What brings a message to its recipient: one file an output."""
