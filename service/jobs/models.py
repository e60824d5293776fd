"""Tenants, API keys, jobs and images as rows. They are read through these models and changed through `transitions`."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

MAX_NAME_LENGTH = 255
MAX_IMAGES = 10_000


class JobStatus(models.TextChoices):
    """A job is `pending` until its first image starts; `completed` says that its archive can be downloaded."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImageStatus(models.TextChoices):
    """An image is `processing` only under a lease; `completed` and `failed` are its ends."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class Tenant(models.Model):
    """A customer. Every row and every object key below belongs to one."""

    slug = models.CharField(primary_key=True, max_length=48)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "tenants"
        constraints: ClassVar = [
            models.CheckConstraint(name="tenants_slug", condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]{0,47}$")),
        ]

    def __str__(self) -> str:
        return self.slug


class ApiKey(models.Model):
    """A key of a tenant. The token is `rawmill_<prefix>_<secret>`; of the secret only its SHA-256 is kept."""

    prefix = models.CharField(primary_key=True, max_length=16)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    digest = models.BinaryField(max_length=32)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_keys"

    def __str__(self) -> str:
        return self.prefix


class Job(models.Model):
    """Images that are developed by one recipe and handed back as one archive."""

    job_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="jobs")
    status = models.CharField(max_length=10, choices=JobStatus.choices, db_default=JobStatus.PENDING)
    recipe = models.JSONField()
    recipe_digest = models.CharField(max_length=64)
    images_total = models.PositiveIntegerField()
    images_completed = models.PositiveIntegerField(db_default=0)
    images_failed = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    """When the last image settled; the archive is due from then on."""
    completed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    """A job that is not finished by then fails."""
    s3_key = models.CharField(max_length=1024, null=True)
    archive_bytes = models.BigIntegerField(null=True)
    archive_enqueued_at = models.DateTimeField(null=True)
    archive_attempts = models.PositiveIntegerField(db_default=0)
    archive_token = models.UUIDField(null=True)
    archive_lease_until = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=32, null=True)
    error_message = models.TextField(null=True)

    class Meta:
        db_table = "jobs"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="jobs_settled",
                condition=Q(settled_at__isnull=False, images_total=F("images_completed") + F("images_failed"))
                | Q(settled_at__isnull=True, images_total__gt=F("images_completed") + F("images_failed")),
            ),
            models.CheckConstraint(
                name="jobs_completed",
                condition=~Q(status="completed")
                | Q(settled_at__isnull=False, completed_at__isnull=False, s3_key__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="jobs_of_tenant", fields=["tenant", "-created_at", "-job_id"]),
            models.Index(
                name="jobs_archive_due",
                fields=["settled_at"],
                condition=Q(status="processing", settled_at__isnull=False),
            ),
            models.Index(
                name="jobs_archive_tokens", fields=["archive_token"], condition=Q(archive_token__isnull=False)
            ),
            models.Index(
                name="jobs_expiring", fields=["expires_at"], condition=Q(status__in=("pending", "processing"))
            ),
        ]

    def __str__(self) -> str:
        return str(self.job_id)


class Image(models.Model):
    """One original of a job and what became of it."""

    image_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="images", db_index=False)
    position = models.PositiveIntegerField()
    """Place in the job as it was posted, from 0."""
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    """What the customer calls the file: data, never a key or a path."""
    size_bytes = models.BigIntegerField()
    """As announced; what was uploaded has it too, else it is not accepted."""
    status = models.CharField(max_length=10, choices=ImageStatus.choices, db_default=ImageStatus.PENDING)
    upload_id = models.TextField(null=True)
    uploaded_at = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(db_default=0)
    source_key = models.CharField(max_length=1024)
    vault_key = models.CharField(max_length=1024, null=True)
    error_code = models.CharField(max_length=32, null=True)
    error_message = models.TextField(null=True)
    verdict = models.CharField(max_length=10, null=True)
    evidence = ArrayField(models.TextField(), db_default=[])
    outputs = models.JSONField(db_default=[])
    """Stored renditions: rendition, key, width_px, height_px, size_bytes."""
    timings = models.JSONField(db_default={})
    """Wall seconds by stage."""
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=128, null=True)
    started_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "images"
        constraints: ClassVar = [
            models.UniqueConstraint(name="images_of_job", fields=["job", "position"]),
            models.CheckConstraint(
                name="images_leased",
                condition=Q(status="processing", lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(status="processing") & Q(lease_token__isnull=True, lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="images_failed_with_reason",
                condition=Q(status="failed", error_code__isnull=False) | ~Q(status="failed"),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="images_by_status", fields=["job", "status", "position"]),
            models.Index(
                name="images_unsent",
                fields=["uploaded_at"],
                condition=Q(status="pending", uploaded_at__isnull=False, enqueued_at__isnull=True),
            ),
            models.Index(
                name="images_sent",
                fields=["enqueued_at"],
                condition=Q(status="pending", enqueued_at__isnull=False),
            ),
            models.Index(name="images_settled", fields=["settled_at"], condition=Q(settled_at__isnull=False)),
            models.Index(name="images_tokens", fields=["lease_token"], condition=Q(status="processing")),
            models.Index(name="images_leases", fields=["lease_until"], condition=Q(status="processing")),
            models.Index(
                name="images_orphan_uploads",
                fields=["settled_at"],
                condition=Q(status="failed", upload_id__isnull=False, uploaded_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.image_id)


class IdempotencyKey(models.Model):
    """A `POST /v1/jobs` that was answered: the same key and body get the same job again."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=64)
    job = models.ForeignKey(Job, on_delete=models.CASCADE)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        db_table = "idempotency_keys"
        constraints: ClassVar = [
            models.UniqueConstraint(name="idempotency_keys_of_tenant", fields=["tenant", "key"]),
        ]

    def __str__(self) -> str:
        return self.key
