"""Develops camera RAW files: decode, resize, filter, watermark, encode, on every core. Knows no AWS and no database."""
