"""The import path for servers that make tickets of their own; what tickets are is told in `relay.model.tickets`."""

from relay.model.tickets import read_secrets as read_secrets
from relay.model.tickets import sign as sign

__all__ = ["read_secrets", "sign"]
