"""A Redis client and a Redis server of relay's own, which know nothing of jobs."""
