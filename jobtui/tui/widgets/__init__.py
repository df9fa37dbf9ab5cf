"""The widgets of the dashboard: the header's lines, the tables and the panes.

`line_table` is a generic table that repaints only changed lines; `columns_of_jobs`, `columns_of_runs` and
`columns_of_ticks` have the columns of the dashboard's tables. The widgets receive snapshots, and never make a
call that may block.
"""
