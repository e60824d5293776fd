"""People who sign in: users of a tenant, their roles, and how their sessions end."""
