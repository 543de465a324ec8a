"""The servers under test: real, deployable code that knows nothing of the simulated world."""
