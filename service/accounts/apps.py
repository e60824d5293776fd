"""The app as Django knows it."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Named so that `AUTH_USER_MODEL` reads well."""

    name = "service.accounts"
    label = "accounts"
