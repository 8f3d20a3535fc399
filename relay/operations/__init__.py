"""What an operator sees of a running relay, and does to it: the same for the dashboard, the command and its JSON.

==================  ==================================================================================================
`seen`              what is shown: values, as they are sent as JSON
`operations`        what can be asked and done; `remote`: over an admin listener
`store_operations`  the same, asked of the store itself; `store_acts`: done to it
`overviews`         all at one moment, made of what the store tells
`listings`          jobs in pages
`details`           one job
`judging`           whether all is well, by `job_rules`, `process_rules` and `minute_rules`, which go by `minute`; what
                    is found: `finding`
`figures`           what processes have counted, put together
==================  ==================================================================================================
"""
