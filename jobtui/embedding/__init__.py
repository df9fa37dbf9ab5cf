"""A scheduler inside another program, which has no command line of jobtui.

`serve` opens the status page on an address, and `asgi` mounts it in a web application. May import every
package but `cli`.
"""
