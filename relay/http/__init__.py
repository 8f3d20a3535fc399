"""An HTTP/1.1 server that knows nothing of jobs.

A page returns an `HttpAnswer`, a Deferred of one, or a `Responder` that answers the `Exchange` in its own time.

=============  =======================================================================================================
`exchange`     one request that is to be answered, and who answers it
`request`      what a client sent; `response`: what it is answered with
`site`         makes connections; `doors`: how many there may be
`connection`   one client: bytes to requests, responses to bytes; `life`: where it stands, as a table
`receiving`    a connection while requests come: how long one may take
`connections`  all of them: their deadlines, and how they close; `watched`: what each has of that
`intake`       what comes from a client; `parser`, `framing`, `upgrade`, `backlog`: how it is read and kept
`lingering`    the end of a connection
`forwarding`   who asks, behind proxies
=============  =======================================================================================================
"""
