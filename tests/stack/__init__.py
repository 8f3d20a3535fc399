"""relay among the servers that stand around it: nginx, HAProxy, gunicorn with Django, Celery."""
