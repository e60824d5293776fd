"""Imported once by the fork server, so that a child starts with storage's client loaded. Decoders load the pipeline."""

from importlib import import_module

import botocore.session

import_module("service.worker.child")
# Reading the service's model from its JSON is most of the time that a first client takes; the loader keeps it.
botocore.session.get_session().get_service_model("s3")
