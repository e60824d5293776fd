"""Facts of a real database, real buckets and a real queue: what the judge is told is what is there."""

from pathlib import Path
from uuid import uuid4

import psycopg

from chaos.facts import Facts, Gatherer
from chaos.judge import Expected, judge
from tests.platform import Aws, Database, Resources

_TENANT = "INSERT INTO tenants (slug, name) VALUES ('demo', 'Demo')"
_JOB = """
INSERT INTO jobs (job_id, tenant_id, recipe, recipe_digest, images_total, images_completed, settled_at, status,
    expires_at, completed_at, s3_key)
VALUES (%(job)s, 'demo', '{}', 'x', 1, 1, now(), 'completed', now(), now(), 'results/archive.zip')
"""
_IMAGE = """
INSERT INTO images (image_id, job_id, position, name, size_bytes, status, uploaded_at, source_key, vault_key, outputs)
VALUES (%(image)s, %(job)s, 0, 'a.dng', 1, 'completed', now(), %(source)s, %(vault)s,
    '[{"rendition": "web", "key": "results/web.jpg"}]')
"""


def test_what_is_wrong_in_rows_storage_queue_and_log_reaches_the_judge(
    aws: Aws, database: Database, resources: Resources, tmp_path: Path
) -> None:
    job, image = str(uuid4()), str(uuid4())
    source, vault = f"uploads/demo/{job}/{image}", f"originals/demo/{job}/{image}"
    log = tmp_path / "worker.log"
    log.write_text(f'{{"message": "image_completed", "image": "{image}"}}\n' * 2)
    told = {
        "RAWMILL_UPLOADS_BUCKET": resources.uploads_bucket,
        "RAWMILL_VAULT_BUCKET": resources.vault_bucket,
        "RAWMILL_RESULTS_BUCKET": resources.results_bucket,
        "RAWMILL_QUEUE_URL": resources.queue_url,
        "RAWMILL_DEAD_LETTER_QUEUE_URL": resources.dead_letter_queue_url,
    }
    aws.s3.put_object(Bucket=resources.results_bucket, Key="results/web.jpg", Body=b"web")
    aws.s3.put_object(Bucket=resources.results_bucket, Key="results/orphan.jpg", Body=b"orphan")
    aws.s3.create_multipart_upload(Bucket=resources.uploads_bucket, Key="uploads/begun")
    aws.sqs.send_message(QueueUrl=resources.queue_url, MessageBody="left")
    with psycopg.connect(database.url) as connection:
        connection.execute(_TENANT)
        connection.execute(_JOB, {"job": job})
        connection.execute(_IMAGE, {"image": image, "job": job, "source": source, "vault": vault})

    gatherer = Gatherer(database_url=database.url, s3=aws.s3, sqs=aws.sqs, told=told, logs=[log])
    facts = Facts(**gatherer.rows(), **gatherer.objects(), **gatherer.messages(), completions=gatherer.completions())
    found = {violation.promise: violation.what for violation in judge(facts, Expected(jobs={}, renditions=["web"]))}
    assert found.keys() == {
        "a completed image has its original in the vault",
        "an image is completed once",
        "no message is left",
        "no object without a row",
    }
    assert found["no object without a row"] == "results/results/orphan.jpg; unfinished upload of uploads/begun"
    assert found["no message is left"] == "1 in the job queue"
