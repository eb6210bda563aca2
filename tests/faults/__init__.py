"""Faults on purpose: the real program, with real Redis and real workers, and what befalls it."""
