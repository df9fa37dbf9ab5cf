"""Access to the status page and the API: addresses, networks, credentials and passwords.

Values and functions without I/O. `rules` combines everything in `AccessRules`; start reading there.
`addresses` parses the address that a server listens on, `passwords` hashes and compares passwords. May import
schedules and process; `web` applies the rules.
"""
