"""A relay alone: a store in memory and a worker, in this process, without Redis and without a front.

===========  =========================================================================================================
`solo`       the store, its worker, and who submits
`kept`       what is kept of each job that was submitted
`heard`      what a handler says and raises while it runs
===========  =========================================================================================================

`relay.testing` runs it by a clock that skips, ``relay run`` by a reactor.
"""
