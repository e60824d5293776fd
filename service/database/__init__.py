"""Django's PostgreSQL engine with credentials from Secrets Manager (`ENGINE: service.database`)."""
