"""Requests that are held open while their jobs run."""
