"""The operator's own listener (``--admin``): the dashboard, its JSON API, the metrics, and what probes ask.

===========  =========================================================================================================
`metrics`    what Prometheus reads: the metrics of processes and of the store, as text
===========  =========================================================================================================
"""
