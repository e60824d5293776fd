"""Watches single deaths with a clock: how long until a task, an image, a link, a session is as it should be again."""
