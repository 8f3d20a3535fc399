"""Values and rules: what relay is about, with no Twisted and no Redis in it.

===========  =========================================================================================================
`job`        how a job is queued, kept and handed to a worker; `status`: what is known of it
`state`      its states, and how it moves between them
`envelope`   the one shape in which a job's state or outcome is shown
`problems`   everything that can go wrong, each with its HTTP status and type
`settings`   everything that an operator can set; `caller_settings`, `setting_types`, `setting_checks`; `sources`: where
             it is read from
`caller`     who calls, whose the jobs are, what may be taken; `origins`: of web pages
`tokens`     the file of callers' tokens, with `token`, `token_mistakes`, `toml_lines`
`arguments`  what jobs take, as plain data
`limits`     how often something may be done
`tickets`    let a client wait for its job; `proofs` let another server call
`ids`        ids of jobs, names of processes
`names`      the form of names; `imports`: what is wrong with a module of the operator's
`memo`       what is remembered, up to a bound; `tally`: what is counted by name
             (`watched_file`: a file that is read again when it changes)
`text`       text from others, made safe for logs and JSON
===========  =========================================================================================================
"""
