"""The addresses of a front. Each route reads its request, makes one call, and answers with what comes back.

=============  ============================================================================================
`dispatcher`   finds the route of a request, asks who calls, and turns errors into problems
`jobs`         submit, look, attach, cancel
`tickets`      attach by a ticket
`about`        health, readiness, and what a problem means
`holding`      holds a request, or tells where its job stands
`app`          how routes are declared: with Klein, for whom
=============  ============================================================================================
"""
