"""The console: pages for people who sign in, around the same API that programs use."""
