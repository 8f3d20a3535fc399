"""The command ``relay``: what an operator or a developer asks for at a shell.

=============  =======================================================================================================
`main`         the command line, and orders to the supervisor of this machine
`tokens`       ``relay tokens``, with `token_arguments`, `token_editor`, `token_list`, `replacing`
`schedules`    ``relay schedules``, with `schedule_arguments`, `schedule_list`
`run_command`  ``relay run``, with `run_arguments`, `one_run`
`doctor`       ``relay doctor``, with `doctor_arguments`, `doctor_report`
`learned`      what was learned of limits
`operating`    how a command reaches a store; `command_line`: how it reads its words
=============  =======================================================================================================
"""
