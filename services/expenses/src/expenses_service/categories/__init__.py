"""What expenses are sorted into: a usual set for everybody, and each user's own changes to it."""
