"""Migrations of users."""
