"""The store: the only layer that knows Redis.

=============  ============================================================================================
`keys`         the schema, written once
`lua/`         the verbs, a file each, with its contract in its head
`scripts`      puts the verbs together from their parts
`expansion`    puts keys and positions into their sources
`layout`       the order of the fields of a record, for both languages
`codec`        every record, and how Python writes and reads it
`address`      a Redis URL
`wire`         Redis' protocol, over a connection that is made again
`refusal`      what Redis says when it does not do a thing
`health`       what the log says of a Redis: away, back, what it refuses
`link`         one connection that comes back by itself
`opening`      what each new connection learns before it is used: server, data set, lost history
`batch`        one command under way, the rest rides on the next
`messages`     the values that go in and out
`roster`       what a worker serves
`partition`    runs scripts on one partition, each within its deadline
`terms`        what processes that share a store agree on
`portions`     how much one script is given
`store`        the verbs as Python sees them
`inbox`        what a process is told: reads its stream
`subscription` channels that are heard over one connection, which comes back by itself
`names`        random names
`embedded`     a Redis server of relay's own
=============  ============================================================================================
"""
