"""The format of scenario files: from a text to checked models, and what is wrong with it."""
