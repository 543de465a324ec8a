"""The steps that a scenario may name, each implemented on phones, browsers and servers.

A step is a generator of SimPy events: it drives what its actor would do, and returns its results
as a mapping for `save` and `expect`. Their contracts are in `steps_catalog.py`.
"""
