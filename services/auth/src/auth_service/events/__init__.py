"""Security events: what happened to an account, for its owner to see."""
