"""The least that Django needs. `RELAY_URL` and the secret are what relay adds."""

import os

from relay.tickets import read_secrets

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "for this example only")
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
]
#: so that the example needs no database; sessions of any other kind do as well
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_SAMESITE = "Lax"

#: a token for each user; replace this by your own way to identify users
API_TOKENS = {"anna's token": "anna", "ben's token": "ben"}

RELAY_URL = os.environ.get("RELAY_URL", "http://127.0.0.1:8080")
RELAY_SECRET = read_secrets(os.environ.get("RELAY_TICKET_SECRETS", "ticket-secrets"))[0]
