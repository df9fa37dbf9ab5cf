"""Settings from TOML, `pyproject.toml` and Revel's `app.conf`, checked.

`settings` finds and reads a file; start reading there. `toml_format` and `revel_conf` split it into sections
and keys, `setting_values` checks each value, `access_settings` the values that belong together,
`file_permissions` finds a password that others can read, and `setting_errors` makes the messages. May import
access, runtime and everything below them.
"""
