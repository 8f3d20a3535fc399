"""The store in memory, for tests: the verbs of all roles without a server, by the clock that it is given.

============  ============================================================================================
`store`       `MemoryStore`: one data set
`fronts`      the verbs of a front
`workers`     the verbs of a worker
`submitters`  what both have in common
`operators`   the verbs of supervisors and operators
`member`      what fronts and workers share
`dataset`     the jobs, and what becomes of them
`sessions`    who runs what: leases, deaths, what goes back
`turns`       one turn: ends and claims
`suspects`    jobs under which workers died: run alone
`lanes`       jobs under one limit
`limits`      what may go under a limit
`allowances`  what callers may take
`rounds`      turns of owners
`ones`        jobs that others may join
`joins`       submissions that join one
`served`      what workers publish
`schedules`   when jobs are fired next
`mail`        the inboxes
`record`      one job as it is kept
============  ============================================================================================

``tests/store/test_memory.py`` runs the same tests on it and on Redis. It does nothing in
parts, because nothing takes long.
"""
