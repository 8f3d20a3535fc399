"""Tells twistd about relay. Nothing else: whatever is imported here, every twistd command pays for."""

from twisted.application.service import ServiceMaker

relay = ServiceMaker("relay", "relay.tap", "Hold HTTP requests while their jobs run.", "relay")
