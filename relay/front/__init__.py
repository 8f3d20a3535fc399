"""A front: HTTP on one side, the store on the other, and the requests that are held between them.

=============  ============================================================================================
`front`        the service: listens, sweeps, gets mail, drains
`site`         the connections: makes them, watches their times, closes them
`connection`   one client's connection: requests in, answers out, one at a time
`reading`      bytes to requests (llhttp)
`lingering`    the rest of one whose request was refused
`request`      what a client sent
`access`       who may call: closed by default
`proxies`      who asks, where proxies stand between
`routes`       the addresses, declared with Klein; each reads, makes one call, answers
`order`        what a client asks for, read off its request
`prefer`       the Prefer header (RFC 7240)
`desk`         what a front does for a caller: submit, look, attach, cancel
`catalogue`    the jobs that workers serve, and the check of arguments
`waiting`      the waiting room: job id → the Deferreds of those who wait for it
`repair`       attaches who waits here again, after Redis forgot
`hold`         **a held request**, in its three phases
`terms`        on which terms: for how long, how often a heartbeat
`parked`       the socket of a client that waits, without Twisted's transport
`wheel`        one timer for all of them
`wire`         what a held request is sent, as bytes
`answers`      envelopes and problems as whole responses
=============  ============================================================================================
"""
