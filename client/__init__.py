"""Rawmill's client: submits folders of camera RAW files, watches jobs and downloads what was made of them.

`Rawmill` is the Python API; `python -m client` is the command line above it.
"""

from client.download import Downloaded, NotDownloaded
from client.errors import (
    ChangedFileError,
    ClientError,
    Interrupted,
    NetworkError,
    Problem,
    ProblemError,
    ProtocolError,
    StorageError,
    UsageError,
)
from client.files import Refused
from client.models import Image, ImageStatus, Job, JobStatus, Rendition
from client.progress import Phase, Progress, Quiet
from client.rawmill import Rawmill, Submission
from client.retry import Patience
from client.upload import NotUploaded

__all__ = [
    "ChangedFileError",
    "ClientError",
    "Downloaded",
    "Image",
    "ImageStatus",
    "Interrupted",
    "Job",
    "JobStatus",
    "NetworkError",
    "NotDownloaded",
    "NotUploaded",
    "Patience",
    "Phase",
    "Problem",
    "ProblemError",
    "Progress",
    "ProtocolError",
    "Quiet",
    "Rawmill",
    "Refused",
    "Rendition",
    "StorageError",
    "Submission",
    "UsageError",
]
