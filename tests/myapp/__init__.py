"""An application as its users write one: `jobs` are its handlers, `test_jobs` its own tests, which need relay.testing
alone. `test_relay` runs all of it on a real relay."""
