"""What stops when one thing dies: instances, replicas, zones and whole dependencies, read from the templates."""
