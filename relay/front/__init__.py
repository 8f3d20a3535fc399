"""A front: HTTP on one side, the store on the other, and the requests that are held between them.

=============  =======================================================================================================
`front`        the service: listens, sweeps, gets mail, drains
`pages`        all pages, put together; `routes`: the pages
`admission`    who may call, put together; `access`: the rules; `hosts`: names of machines
`callers`      who calls, by its credentials, which `credentials` has from the operator's files; `caller`: who has none
`refusals`     what is logged of those who may not call
`browsers`     web pages of other origins
`submission`   what a client asks for, read off its request; `wait_request`, `prefer`: how it wants to wait
`job_service`  what a front does for a caller: submit, look, attach, cancel
`rates`        callers that are at their rate
`catalogue`    the jobs that workers serve; `visible`: those that a caller may know of
`openapi`      what a front serves, described for programs; `docs_page`: the page that shows it
`hold`         **a held request**
`feeds`        what happens to jobs, told while it happens; `accept`: whether a client wants to hear that
`answers`      envelopes and problems as whole responses
`takeover`     hands held clients over to the front that comes next
`readiness`    whether a front can take work
=============  =======================================================================================================
"""
