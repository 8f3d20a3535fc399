"""An HTTP/1.1 server that knows nothing of jobs."""
