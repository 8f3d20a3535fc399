"""A Redis client and a Redis server of relay's own, which know nothing of jobs.

==============  ===========================================================================================
`address`       a Redis URL
`connection`    one connection that comes back by itself
`wire`          Redis' protocol, over such a connection
`subscription`  channels that are heard over one connection
`refusal`       what Redis says when it does not do a thing
`health`        what the log says of a Redis: away, back, what it refuses
`embedded`      a Redis server of relay's own
==============  ===========================================================================================
"""
