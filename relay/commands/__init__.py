"""The command ``relay``: what an operator or a developer asks for at a shell.

====================  ================================================================================================
`main`                the table of commands; `command_line`: how their words are read
`operator_arguments`  what the command lines of operators have in common; `looking_arguments`, `acting_arguments`
`reaching`            which relay is meant; `processes`: those of this machine
`operating`           how a command works on it: `at_store`, `at_listener`; `ending`: and does not end well
`asking`, `progress`  while it works
`streams`             where it writes, whatever a shell has made of that
`tables`              how values are shown; `status_shown`, `top_shown`, `jobs_shown`, `queues_shown`, …: which
`status_command`      ``relay status``, and so on: a module for each command
`orders`              ``relay reload``, ``relay restart``
`tokens`              ``relay tokens``, with `token_arguments`, `token_editor`, `token_list`, `replacing`
`run_command`         ``relay run``, with `run_arguments`, `one_run`
`completion`          ``relay completion``, and what a shell completes
`doctor`              ``relay doctor``, with `doctor_arguments`, `doctor_report`
`learned`             ``python -m relay.learned``
====================  ================================================================================================
"""
