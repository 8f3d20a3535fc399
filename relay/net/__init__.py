"""Twisted's transports, bent: the only place that touches what Twisted keeps to itself."""
