"""The routes of a front. Each reads its request, makes one call, and answers with the result.

=============  ============================================================================================
`jobs`         submit, look, attach, cancel
`tickets`      attach by a ticket
`probes`       what ``relay doctor`` sends to see what stands between clients and relay
`describing`   what is served: OpenAPI, and a page that shows it
`about`        health, readiness, and what a problem means
`holding`      holds a request, or tells where its job stands
`streaming`    tells events, or answers when something has changed
`app`          how routes are declared: with Klein, for whom (`relay.serving` finds them)
=============  ============================================================================================
"""
