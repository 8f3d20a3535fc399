"""A Redis client and a Redis server of relay's own. They know nothing of jobs.

================  ======================================================================================================
`address`         a Redis URL
`server`          what a link leads to
`topology`        which server that is: the one that an address names, or one that is asked for
`sentinel`        the master that Sentinels name; what they say is in `sentinel_voice`
`cluster`         the nodes that have the slots of a Cluster; what they say of these is in `slots`
`questions`       what servers are asked beside the links
`greeting`        the first words on a connection
`connection`      one connection, which comes back by itself
`wire`            the protocol on it, made again whenever it is lost
`subscription`    channels that are heard over one connection
`refusal`         what Redis says when it does not do a thing
`mistakes`        addresses that lead to servers of another kind than they say
`health`          what the log says of a Redis: away, back, what it refuses
`blocking`        a connection that waits for its answers, without a reactor
`embedded`        a server for this relay alone
`allocator`       the memory allocator of that server
================  ======================================================================================================
"""
