"""A Redis client and a Redis server of relay's own. They know nothing of jobs.

==============  ======================================================================================================
`address`       a Redis URL
`topology`      which server a link leads to
`connection`    one connection, which comes back by itself
`wire`          the protocol on it, made again whenever it is lost
`subscription`  channels that are heard over one connection
`questions`     questions to servers, on a connection that is kept
`slots`         the slots of a Cluster, and which node has which
`cluster`       a Cluster: its nodes are asked where a slot is
`refusal`       what Redis says when it does not do a thing
`health`        what the log says of a Redis: away, back, what it refuses
`blocking`      a connection that waits for its answers, without a reactor
`embedded`      a server for this relay alone
==============  ======================================================================================================
"""
