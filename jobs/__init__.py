"""The jobs that come with relay: plain functions, one file for each subject."""
