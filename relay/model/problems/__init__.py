"""Everything that can go wrong, each as a problem (RFC 9457) with its HTTP status and type."""
