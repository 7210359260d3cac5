"""The configuration: TOML -> checked model -> binary manifest. Runs at build time, but for manifest.py's layouts.

One table (schema.py) says which keys exist; the check, the JSON Schema and docs/config.md all come from it.
"""
