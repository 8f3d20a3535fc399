"""The store: the verbs of each role, each one script on one partition of Redis.

::

    front ──▶ FrontStore      worker ──▶ WorkerStore      supervisor, operator ──▶ OperatorStore    Protocols
                  │                          │                                         │
           RedisFrontStore           RedisWorkerStore                         RedisOperatorStore
                  └──────────────────────────┼─────────────────────────────────────────┘
                                          Router      of a job, of a key, all
                                             │
                                         Partition    a connection, its keys, its epoch

Every verb has its deadline and raises `StoreAway` when it passes. What has to survive a broken connection (`submit`,
`turn`) is sent again by its caller or by `Batch`, which the scripts allow.

=============  ============================================================================================
`keys`         the schema, written once
`lua/`         the verbs, a file each, with its contract in its head
`scripts`      puts the verbs together from their parts
`libraries`    the same for functions that Redis keeps: verbs that run for each job
`calls`        runs them where a link leads: as functions, as scripts where there are none
`expansion`    puts keys and positions into their sources
`layout`       the order of the fields of a record, for both languages
`codec`        every record, and how Python writes and reads it
`opening`      what each new connection learns before it is used: server, data set, lost history; how many partitions
               there are. `server_info`: what a server says of itself
`batch`        one command under way, the rest rides on the next
`messages`     the values that go in and out
`roster`       what a worker serves
`partition`    runs scripts on one partition, each within its deadline
`router`       the partitions, and which of them has what
`placing`      why a job lives in the partition that it lives in; `any_partition`: one that may live anywhere
`gathering`    all partitions asked at once, of which some may be away; their answers added up: `sums`
`lookups`      jobs that are looked for by a key
`registering`  processes tell of themselves
`terms`        what processes that share a store agree on
`portions`     how much one script is given
`fronts`       the verbs of a front
`submitters`   what fronts and workers have in common: jobs are submitted, and waited for
`submissions`  submissions on their way to one partition
`workers`      the verbs of a worker
`member`       what the stores of fronts and of workers share: the sweep
`membership`   a front or a worker at the store: connected, told by its inbox, sweeping; until it leaves
`operators`    the verbs of supervisors and operators; of these `sights` (to look) and `acts` (to change)
`looks`        what operators see of one partition
`found`        what operators are shown; `operator_rows` reads it
`renewal`      renews a lease without the reactor
`given_back`   jobs of sessions that are closed
`memory/`      the same verbs without a server, for tests
`inbox`        what a process is told: reads its stream; `inboxes`: those in all partitions
=============  ============================================================================================
"""
