"""Proves the proofs: changes each rule, route, association, statement and count of real templates, and asks whether the
audit notices."""
