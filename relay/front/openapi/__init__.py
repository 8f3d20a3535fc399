"""What a front serves, described for programs: OpenAPI 3.1, made from what workers publish.

=============  ======================================================================================================
`document`     the whole document for a set of jobs, and what is kept of it
`jobs`         one job: its operations, its schemas
`general`      what is about any job, about tickets, about relay itself
`events`       events of a job
`schemas`      the schemas that workers publish, as components
`forms`        what shapes tell beyond that
`envelopes`    the envelope, problems
`parameters`   what a request may say: headers, parts of a path
`responses`    what it is answered: by status, with headers
`parts`        references, and what a description is made of
=============  ======================================================================================================

Names of components that belong to a job begin with its name and a dot: ``resize.arguments``, ``resize.Box``. So names
in generated clients stay as they are, whatever other jobs come and go.
"""
