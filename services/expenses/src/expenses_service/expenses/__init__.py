"""Expenses: created, read, changed, deleted, restored and listed by their owner alone."""
