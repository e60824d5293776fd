"""Bodies of objects stay on disk alone: of versioned buckets, as all of ours are, ministack keeps them in memory too.

A shoot of a few hundred originals would fill a laptop's memory. To read a version back from disk is what ministack
itself does after a restart.
"""

from ministack.services import s3


def install() -> None:
    """Let go of a version's body once its file is written."""
    if not s3.S3_PERSIST:
        return
    stock_persist = s3._persist_object

    def persist(bucket: str, key: str, record: object) -> None:
        stock_persist(bucket, key, record)
        # A record that still has its body was not written.
        if not isinstance(record, dict) or record.get("body") is not None:
            return
        current = record.get("version_id") or "null"
        for version in s3._object_versions.get((bucket, key)) or ():
            if version["version_id"] == current:
                version["data"] = None

    s3._persist_object = persist
