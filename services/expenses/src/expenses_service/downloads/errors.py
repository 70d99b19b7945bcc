"""What can go wrong with a body that is made while it is sent."""


class TransferCut(Exception):
    """The rest of a body that has begun cannot be sent.

    Raised out of the response, it closes the connection before the body's end, so that no client
    takes what it has for the whole (RFC 9112, section 8).
    """
