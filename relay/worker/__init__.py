"""A worker: takes jobs from the store, runs their handlers, reports how they ended.

=============  ============================================================================================
`worker`       the service: what is running, what is told to it, how it stops
`session`      the dialogue with the store: numbered turns, one under way at a time
`attempt`      one job, run once: from its claim to its end
`retry`        whether a failed job is tried again, and when
`current`      for which job code runs
`watchdog`     a thread that notices when the reactor stands still, because a handler blocks it
`sight`        what it sees: the job, and the line
=============  ============================================================================================
"""
