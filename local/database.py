"""The service's role and database on the local server, with the name and password that its deployed secret holds."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from local.postgres import PostgresAddress

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def open_database(server: PostgresAddress, environment: Mapping[str, str], secrets: "SecretsManagerClient") -> None:
    """Make the role and its database where they are missing, and set the password to that of the secret."""
    secret = json.loads(secrets.get_secret_value(SecretId=environment["RAWMILL_DATABASE_SECRET_ARN"])["SecretString"])
    role, database = sql.Identifier(secret["username"]), environment["RAWMILL_DATABASE_NAME"]
    password = sql.Literal(secret["password"])
    with psycopg.connect(server.url(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [secret["username"]]).fetchone()
        verb = sql.SQL("ALTER") if known else sql.SQL("CREATE")
        connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, password))
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), role))
