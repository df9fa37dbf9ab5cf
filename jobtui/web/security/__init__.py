"""Access control of the server.

`access_control` checks each request: client address, Host, Origin, credentials. `logins` keeps login
sessions, form tokens, and the count of failed logins. The rules themselves are values of `jobtui.access`.
Imports nothing of the server but `responses`. Start reading at `access_control`.
"""
