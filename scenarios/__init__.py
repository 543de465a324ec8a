"""Scenario files by theme, and the engine that reads and runs them."""
