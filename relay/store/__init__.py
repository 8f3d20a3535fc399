"""The store: the only room that knows Redis.

=============  ============================================================================================
`keys`         the schema, written once
`lua/`         the verbs, a file each, with its contract in its head
`scripts`      puts the verbs together from their parts
`address`      a Redis URL
`link`         one connection that comes back by itself
`batch`        one command under way, the rest rides on the next
`messages`     the values that go in and out
`partition`    runs scripts on one partition, each within its deadline; knows the epoch
`store`        the verbs as Python sees them
`inbox`        what a process is told: reads its stream
`embedded`     a Redis server of relay's own
=============  ============================================================================================
"""
