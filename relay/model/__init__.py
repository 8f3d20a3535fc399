"""Values and rules: what relay is about, with no reactor and no Redis in it."""
