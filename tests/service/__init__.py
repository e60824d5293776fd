"""Models can be imported by test modules from here on; which database they are in is said by the fixture `service`."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "service.settings"
django.setup()
