"""Everything at once: expenses out as files and in again, all data of a user, and its erasure."""
