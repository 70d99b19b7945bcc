"""The change log and the one writer through which every expense is written."""
