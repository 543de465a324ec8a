"""One run: steps played, a verdict, a record; and runs repeated or taken many at a time."""
