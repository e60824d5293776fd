"""The WSGI application of a process that `service.runtime.start` has set up."""

from django.core.handlers.wsgi import WSGIHandler

application = WSGIHandler()
