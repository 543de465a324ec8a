"""What happened in a world: the recorder of events."""
