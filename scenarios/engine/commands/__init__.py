"""The command `airbed`: what it is asked, and what it shows."""
