"""The expenses service: records, categories and sums of each user's expenses."""

__version__ = "0.1.0"
SERVICE = "expenses"
