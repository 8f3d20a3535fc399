"""What the servers of relay share, whatever their pages are: a front's, and the operator's (`relay.admin`).

===============  =====================================================================================================
`dispatcher`     finds the route of a request, asks who calls, and turns errors into problems
`routes`         how routes are declared: with Klein
`plain_answers`  answers: a problem, JSON
`page_head`      headers of a page in a browser
`bearer`         the token that a request shows; `json_body`: bodies that have to be JSON
`hosts`          names of machines: whether they are this one
`failures`       attempts with credentials that are not valid; `refusals`: the log of them
`token_file`     the file of tokens, as it is watched; `known_tokens`: what it has, in memory
===============  =====================================================================================================
"""
