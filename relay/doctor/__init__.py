"""Looks for what would make relay fail or be slow later on: ``relay doctor``.

=================  ===================================================================================================
`diagnosis`          what a check says
`machine`          what this machine has; `settings_checks`, `habit_checks`: whether relay's settings fit it
`redis_state`      what Redis says of itself; `redis_checks`, `load_checks`, `key_checks`: whether relay can rely on it;
                   `no_redis`: why it can't be asked
`cluster_state`      what the nodes of a Cluster say of it; `cluster_checks`: whether relay can rely on that
`sentinel_state`     what Sentinels say of the master; `sentinel_checks`: whether they can name another one
`target`             an address that clients ask; `line`: a connection to it, byte by byte; `heard`: what comes there
`trials`           what is tried at such an address, with `edge`, `sizes`; `seen`: what came of it
`way_checks`       what that says of what stands in between, with `header_checks`, `time_checks`; `remedies`
=================  ===================================================================================================
"""
