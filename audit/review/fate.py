"""What becomes of data: the types that hold some, and what a deletion or a replacement leaves of it."""

from dataclasses import dataclass
from enum import StrEnum

from audit.assembly import Resource

STATEFUL: dict[str, str] = {
    "AWS::Backup::BackupVault": "backup vault",
    "AWS::Cognito::UserPool": "user pool",
    "AWS::DocDB::DBCluster": "database",
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::DynamoDB::Table": "table",
    "AWS::EC2::Volume": "volume",
    "AWS::ECR::Repository": "image repository",
    "AWS::EFS::FileSystem": "file system",
    "AWS::ElastiCache::CacheCluster": "cache",
    "AWS::ElastiCache::ReplicationGroup": "cache",
    "AWS::ElastiCache::ServerlessCache": "cache",
    "AWS::FSx::FileSystem": "file system",
    "AWS::KMS::Key": "key",
    "AWS::Kinesis::Stream": "stream",
    "AWS::Logs::LogGroup": "log",
    "AWS::MSK::Cluster": "cluster",
    "AWS::MemoryDB::Cluster": "cache",
    "AWS::Neptune::DBCluster": "database",
    "AWS::OpenSearchService::Domain": "search domain",
    "AWS::RDS::DBCluster": "database",
    "AWS::RDS::DBInstance": "database",
    "AWS::Redshift::Cluster": "database",
    "AWS::S3::Bucket": "bucket",
    "AWS::SQS::Queue": "queue",
    "AWS::SecretsManager::Secret": "secret",
}
"""Types that hold data, with the word for it."""


class Fate(StrEnum):
    """What is left of the data."""

    LOST = "lost"
    SNAPSHOT = "snapshot"
    ORPHANED = "orphaned"


_FATES = {"Delete": Fate.LOST, "Snapshot": Fate.SNAPSHOT}
_WORST_FIRST = (Fate.LOST, Fate.SNAPSHOT, Fate.ORPHANED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A resource with data that its stack is going to be without.

    Attributes:
        word: what it is, such as `database`.
        policy: the policy that decides, as in `DeletionPolicy Snapshot`.
        protected: the resource itself refuses deletion, whatever its policy says.
    """

    word: str
    fate: Fate
    policy: str
    protected: bool = False

    def __str__(self) -> str:
        told = {
            Fate.LOST: "its data are deleted with it",
            Fate.SNAPSHOT: "a snapshot is left, from which a person has to restore",
            Fate.ORPHANED: "the old one stays with its data, outside of the stack",
        }[self.fate]
        if self.protected:
            told += "; its deletion protection refuses the deletion until somebody turns it off"
        return f"{told} ({self.policy})"


def loss_of(before: Resource, after: Resource | None = None) -> Loss | None:
    """What becomes of the data of a resource.

    Args:
        before: as it is deployed.
        after: the same resource when it is replaced, None when it is deleted from the template.
    """
    word = STATEFUL.get(before.kind)
    if word is None:
        return None
    key = "DeletionPolicy" if after is None else "UpdateReplacePolicy"
    written = [_policy(resource, key) for resource in ((before,) if after is None else (before, after))]
    # Where base and head differ, nothing better than the worse of both is promised.
    fate, policy = min(written, key=lambda item: _WORST_FIRST.index(item[0]))
    return Loss(
        word=word,
        fate=fate,
        policy=f"{key} {policy}",
        protected=before.properties.get("DeletionProtection") is True
        or before.properties.get("DeletionProtectionEnabled") is True,
    )


def _policy(resource: Resource, key: str) -> tuple[Fate, str]:
    given = resource.policies.get(key)
    if given is None:
        # AWS CloudFormation user guide, "DeletionPolicy attribute": RDS leaves a snapshot without one. Neptune and
        # DocumentDB do not.
        instance = resource.kind == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in resource.properties
        kept = key == "DeletionPolicy" and (instance or resource.kind == "AWS::RDS::DBCluster")
        return (Fate.SNAPSHOT, "is left out, therefore Snapshot") if kept else (Fate.LOST, "is left out")
    return _FATES.get(given, Fate.ORPHANED), given
