"""What a step says that could not be done."""


class StepFailed(Exception):
    """A step could not be done, or not in time; the text says why. Ends the run as failed."""
