"""Push services, and the jobs that use them."""
