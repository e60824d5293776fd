"""The container image: how its file system is put together, and what can be read from a built one."""
