"""The part of the site that people use in a browser."""
