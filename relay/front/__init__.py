"""A front: HTTP on one side, the store on the other, and the requests that are held between them.

=============  ============================================================================================
`front`        the service: listens, sweeps, gets mail, drains
`site`         the connections: makes them, watches their times, closes them
`connection`   one client's connection: requests in, answers out, one at a time
`reading`      bytes to requests (llhttp)
`lingering`    lingering close, after the last answer
`request`      what a client sent
`access`       which callers are allowed: closed by default
`proxies`      the address of the client behind proxies
`routes`       the addresses, declared with Klein; each reads, makes one call, answers
`order`        what a client asks for, read off its request
`prefer`       the Prefer header (RFC 7240)
`desk`         the job service: submit, look, attach, cancel
`catalogue`    the jobs that workers serve, and the check of arguments
`waiting`      the registry of waiters: job id → the Deferreds that wait for its outcome
`repair`       attaches all waiters again after Redis lost data
`hold`         **a held request**, in its three phases
`terms`        the terms of a hold: how long, how often a heartbeat
`parked`       the detached socket of a waiting client, without Twisted's transport
`wheel`        one timer for all holds
`wire`         the bytes that a committed hold sends
`answers`      envelopes and problems as whole responses
=============  ============================================================================================
"""
