"""The scenario engine: reads, checks and runs scenario files."""
