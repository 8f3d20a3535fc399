"""relay beside its peers: ``make bench``.

=============  ==================================================================================================
`systems`      relay and each peer: how it is started, where it is asked
`peers/`       the peers' own code, as their docs recommend it
`load`         wrk, and what it printed
`holding`      a client that holds many connections, in processes of its own
`measures`     what is measured: jobs a second, memory and CPU of a held connection, latency
`moves`        what a move to relay changes: the same clients before and after
`asking`       clients that wait, and clients that poll
`timeline`     when each process runs, and what a lone job's time is made of (`tracing`)
`report`       tables for ``docs/performance.md`` and the guides
`plot`         the plot
`scale`        what a job costs with several partitions, fronts, workers and servers (`layouts`)
`scale_model`  what more of them would take, by a simulation (`scale_simulation`, `scale_tables`)
`idle`         what processes without work cost Redis
`events`       what it costs to tell clients what happens, and each way to wait (`listening`, `event_tables`)
`work`         counts work instead of time, for CI
=============  ==================================================================================================

Everything runs on loopback, one system at a time, and only processes that were started here are ended.
"""
