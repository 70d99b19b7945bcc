"""Many writes of expenses in one request and one transaction."""
