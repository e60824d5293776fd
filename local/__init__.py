"""The whole platform on one machine: real PostgreSQL, a real session store, AWS endpoints, no Docker and no account."""
