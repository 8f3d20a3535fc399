"""When things happen: timers, recurring work, Deferreds that follow others, how long a drain lasts."""
