"""The state of jobs and images, and everything that may change it."""
