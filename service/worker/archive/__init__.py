"""The archive of a job: one zip of all renditions with a manifest and a report, streamed from storage to storage."""
