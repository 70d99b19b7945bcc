"""The audit of the build, `make audit`."""
