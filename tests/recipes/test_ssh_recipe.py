"""The recipe for SSH: the real ``ssh`` forwards a socket, through a server of the test."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from support.recipes import Program, copy_recipe, needs, python, replace_in
from support.waiting import wait_until

from jobtui.cli.attach import CannotAttachError, connect

JOBS = "import jobtui\njobtui.every('1h', print, name='import', on_start=True)\n"
SERVER = Path(__file__).parents[1] / "support" / "ssh_server.py"

pytestmark = needs("ssh", "ssh-keygen")


def test_a_dashboard_can_be_attached_through_the_forwarded_socket(short_folder: Path) -> None:
    folder = copy_recipe("ssh", short_folder)
    (folder / "my_jobs.py").write_text(JOBS, encoding="utf-8")
    (folder / ".ssh").mkdir()
    socket = folder / "jobs.sock"
    with (
        python(
            "-m", "jobtui", "my_jobs.py", "--headless", "--listen", f"unix:{socket}", folder=folder
        ) as jobs,
        python(str(SERVER), str(folder), folder=folder) as server,
    ):
        jobs.wait_for("OK        run 1    import")
        replace_in(
            folder / "config",
            ("shop.example.org", f"127.0.0.1\n    Port {server.wait_for_process('listens on port')}"),
            ("/home/deploy", str(folder)),
            ("%d", str(folder)),
        )
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", f"IdentityFile={folder}/key")
        command = ("ssh", "-F", "config", *(f"-o{option}" for option in options), "-N", "shop-jobs")
        forwarded = folder / ".ssh" / "shop-jobs.sock"
        for _ in range(2):  # the second ssh replaces the socket that the first one leaves when it is killed
            with Program(*command, folder=folder):
                server.wait_for("logged in: deploy")
                wait_until(lambda: can_attach(f"unix:{forwarded}"))
            assert forwarded.is_socket()
            assert not can_attach(f"unix:{forwarded}")


def can_attach(address: str) -> bool:
    """Attach to a scheduler, and return whether that is the one of the test."""
    try:
        with closing(connect(address)) as backend:
            return [job.name for job in backend.snapshot().jobs] == ["import"]
    except CannotAttachError:
        return False
