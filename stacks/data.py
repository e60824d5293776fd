"""The Data stack: everything that would be missed if it were gone."""

from collections.abc import Iterator

from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.base import PlatformStack
from stacks.constructs.buckets import Buckets
from stacks.constructs.data_key import DataKey
from stacks.constructs.database import Database
from stacks.constructs.generated_secret import generated_secret, never_rotated
from stacks.constructs.imported_network import ImportedNetwork
from stacks.constructs.session_store import SessionStore
from stacks.network import NetworkStack
from stacks.settings import Settings


class DataStack(PlatformStack):
    """Key, buckets, database, session store and secrets."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, network: NetworkStack) -> None:
        super().__init__(scope, construct_id, settings=settings)
        imported = ImportedNetwork(self, "Network", settings=settings, network=network)
        self.key = DataKey(self, "DataKey", settings=settings).key
        self._buckets = Buckets(
            self, "Buckets", settings=settings, key=self.key, s3_endpoint_id=network.endpoints.s3.ref
        )
        self.uploads = self._buckets.uploads
        self.vault = self._buckets.vault
        self.results = self._buckets.results
        self.logs = self._buckets.logs
        self.database = Database(self, "Database", settings=settings, network=imported, key=self.key)
        self.session_store = SessionStore(self, "SessionStore", settings=settings, network=imported, key=self.key)
        self._django_secret = generated_secret(
            self,
            "DjangoSecret",
            settings=settings,
            key=self.key,
            logical_id="DjangoSecret",
            what="Secret key of Django",
        )
        self.django_secret_arn = self._django_secret.ref

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """What the compliance packs find here and the design asks for."""
        yield from self._buckets.acknowledgements()
        yield from self.database.acknowledgements()
        yield from self.session_store.acknowledgements()
        yield from never_rotated(
            self._django_secret,
            "a new one ends every session at once, so it is replaced on purpose, by a person: docs/data.md",
        )
