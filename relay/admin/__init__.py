"""The operator's own listener (``--admin``): the dashboard, its JSON API, the metrics, and what probes ask.

===========  =========================================================================================================
`listener`   the service: listens, keeps the history
`pages`      all that it serves, and the headers that each answer has
`gate`       who may look, and who may act; `operators`: who that is; `sessions`: those that logged in
`api`        ``POST /api/{method}``; `methods`: what there is, from `relay.operations`; `audit`: the log of acts
`login`      ``/session``: logs in and out, by a token
`health`     ``/healthz`` and ``/readyz``; `standing`: whether this relay takes work
`files`      the page itself, which is in ``static/``
`summary`    what each view shows: the relay now, and what is wrong with it
`history`    the last hour; `figures`: what is noted of each moment
`exposing`   ``/metrics``; `metrics`: the metrics of processes and of the store, as the text that Prometheus reads
===========  =========================================================================================================
"""
