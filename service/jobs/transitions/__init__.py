"""Everything that changes the state of a job or an image, each step guarded by the state that it starts from.

Nothing is read, changed in Python and written back: the database decides who was first. Locks are always taken in the
same order, the job's row before its images' rows and images by their id, so that no two transitions can wait for each
other in a circle. A transition that only touches one image, or none of the job's columns, takes no lock on the job.
"""

from service.jobs.transitions.archives import (
    claim_archive,
    complete_archive,
    extend_archives,
    fail_archive,
    give_back_archive,
    mark_archive_enqueued,
)
from service.jobs.transitions.creation import create_job
from service.jobs.transitions.endings import Released, cancel, expire, release_lost, release_lost_archives
from service.jobs.transitions.leases import claim, extend, give_back, settle_completed, settle_failed
from service.jobs.transitions.redrive import redrive_archive, redrive_failed, redrive_image
from service.jobs.transitions.uploads import mark_enqueued, mark_upload_started, mark_uploaded

__all__ = [
    "Released",
    "cancel",
    "claim",
    "claim_archive",
    "complete_archive",
    "create_job",
    "expire",
    "extend",
    "extend_archives",
    "fail_archive",
    "give_back",
    "give_back_archive",
    "mark_archive_enqueued",
    "mark_enqueued",
    "mark_upload_started",
    "mark_uploaded",
    "redrive_archive",
    "redrive_failed",
    "redrive_image",
    "release_lost",
    "release_lost_archives",
    "settle_completed",
    "settle_failed",
]
