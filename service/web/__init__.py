"""The web task: gunicorn around the API, how large it is and how it leaves."""
