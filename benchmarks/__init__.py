"""What the simulated world costs: measurements, each in a process of its own.

`python -m benchmarks.run` runs them all and prints one table. Rates are per CPU second of the
measured process (user and system time, `time.process_time`), not per second of the wall clock, so
that a busy machine disturbs them less. Still: compare columns of one run, not digits of two.
"""
