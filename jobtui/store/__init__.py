"""The store: a SQLite file that keeps the ledger, output and job state across restarts.

Only this package imports sqlite3. One thread writes, in batches; readers have connections of their own.
"""
