"""Import a job file or module, find its scheduler, and explain what is wrong with it.

`loader` turns the TARGET of the command line into a scheduler that can be started; start reading there.
`import_path` puts the folder of a job file on Python's path. `user_errors` describes an exception of the
user's code by the user's own line, without the frames of jobtui.
May import settings and everything below them, never a front end.
"""
