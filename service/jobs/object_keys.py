"""Where objects are kept. Made of ids only: what a customer calls a file never becomes a key."""

from uuid import UUID


def source_key(tenant: str, job_id: UUID, image_id: UUID) -> str:
    """The original as uploaded, in the uploads bucket."""
    return f"uploads/{tenant}/{job_id}/{image_id}"


def vault_key(tenant: str, job_id: UUID, image_id: UUID) -> str:
    """The original that is kept, in the vault bucket."""
    return f"originals/{tenant}/{job_id}/{image_id}"


def result_key(tenant: str, job_id: UUID, image_id: UUID, file_name: str) -> str:
    """A rendition, in the results bucket. `file_name` is the processor's, never the customer's."""
    return f"results/{tenant}/{job_id}/{image_id}/{file_name}"


def archive_key(tenant: str, job_id: UUID) -> str:
    """The archive of a job, in the results bucket."""
    return f"results/{tenant}/{job_id}/archive.zip"
