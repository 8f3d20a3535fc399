"""Everything that can go wrong, each as a problem (RFC 9457) with its HTTP status and type.

==========  ==========================================================================================================
`base`      `RelayError`, and `JobError`, which handlers raise
`request`   what a caller is answered with
`upstream`  what can go wrong between a handler and an API
`registry`  what ``/problems/{slug}`` says: relay's own, and what jobs declare
==========  ==========================================================================================================
"""
