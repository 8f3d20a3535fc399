"""Everything that can go wrong, each as a problem (RFC 9457) with its HTTP status and type.

==========  ==========================================================================================================
`base`      `RelayError`, and `JobError`, which handlers raise
`request`   what is wrong with a request, or why it can't be carried out
`caller`    who may not call, or calls too often
`job`       how a job can fail in ways that its handler does not raise
`upstream`  what can go wrong between a handler and an API
`registry`  what ``/problems/{slug}`` says: relay's own, and what jobs declare
==========  ==========================================================================================================
"""
