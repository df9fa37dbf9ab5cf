"""Specs, schedules and their ticks, and the effects of DST. Pure values; could be a library of its own.

Imports nothing else of jobtui, and neither threads, an event loop nor a database. Only `cron` imports
croniter, and only `zones` imports tzlocal.

Start with `schedule`: `Cron`, `Every` and `Once` have `next(after)`. `parser` makes them from a spec, by the
grammar of `cron` and `cron_fields`; `diagnostics` and `foreign_specs` explain why a spec is rejected.
`wall_clock` searches for the next tick, `dst` explains ticks near a transition, `describe` puts a schedule
into English, and `lint` warns of schedules that may not be meant.
"""
