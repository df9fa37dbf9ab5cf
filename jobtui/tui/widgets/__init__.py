"""The widgets of the dashboard: the header's lines, the tables and the panes.

`line_table` is a generic table that repaints only changed lines; `columns` has the columns of the dashboard's
tables. The widgets receive snapshots, and never make a call that may block.
"""
