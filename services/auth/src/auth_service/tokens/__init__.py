"""Personal access tokens: for scripts, exchanged at the gateway for short access tokens."""
