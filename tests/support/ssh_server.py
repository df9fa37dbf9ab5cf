"""An SSH server for the user of the test, which forwards to Unix sockets, as OpenSSH's does.

    python ssh_server.py FOLDER

Writes the private key that may log in to FOLDER/key, and prints the port.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncssh


class Server(asyncssh.SSHServer):
    """One connection."""

    def begin_auth(self, username: str) -> bool:
        """Require a key, and print the name of the user."""
        self._user = username
        return True

    def auth_completed(self) -> None:
        """Say that the key was right."""
        print("logged in:", self._user)

    def unix_connection_requested(self, dest_path: str) -> bool:
        """Allow the connection to any socket."""
        return True


async def main(folder: Path) -> None:
    """Serve until the process is killed."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)
    key.write_public_key(folder / "key.pub")
    server = await asyncssh.create_server(
        Server,
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        authorized_client_keys=str(folder / "key.pub"),
    )
    print("listens on port", server.get_port())
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
