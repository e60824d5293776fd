"""Sessions in Redis (`SESSION_ENGINE`). While it does not answer nobody is taken for signed out."""

from typing import Any

from django.contrib.sessions.backends import cache


class SessionStore(cache.SessionStore):
    """Django's, which takes a store that is gone for a session that is gone, and would have the cookie deleted."""

    def load(self) -> dict[str, Any]:
        """What the session holds.

        Raises:
            redis.exceptions.RedisError: the store does not answer.
        """
        held = self._cache.get(self.cache_key)  # type: ignore[attr-defined]  # missing in the stubs
        if isinstance(held, dict):
            return held
        self._session_key = None
        return {}
