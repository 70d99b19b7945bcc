"""The one exception that a person is told about, in a plain sentence."""


class Failure(Exception):
    """Why the stack cannot run; the message is for the person who typed the command."""
