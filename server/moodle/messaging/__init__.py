"""Private messages: from the sender's call to the outputs that the recipient chose."""
