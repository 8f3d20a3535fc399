"""Who calls, by what it shows.

================  ====================================================================================================
`check`           what each kind of credentials is asked
`sources`         the checks that the settings ask for
`identities`      asks each check in turn
`tokens`          tokens of relay's own (their file: `relay.serving.token_file`)
`jwt`             JWTs of an identity provider
`claims`          what a JWT says, and whether that is valid
`remembered`      tokens that were checked before
`keys`            where a provider's keys come from: a file, or an address (`fetched_keys`)
`key_set`         the keys of one JWKS
`strict_json`     JSON that everybody reads the same way
`custom`          a check of the operator's own; `cred`: one that asks checkers of `twisted.cred`
`prover`          proofs that a server knows a secret
================  ====================================================================================================
"""
