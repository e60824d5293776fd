"""The platform around the processor: state in PostgreSQL, files in object storage, work in a queue, an HTTP API."""
