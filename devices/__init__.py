"""The people's side: phones with the Moodle Mobile app, and browsers.

They meet servers only over the network.
"""
