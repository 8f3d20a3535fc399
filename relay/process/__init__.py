"""The processes of relay: what they are made of, and how they are started, watched and stopped."""
