"""``manage.py runjobs``: run the jobs in a process of their own."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from django.utils.module_loading import autodiscover_modules

import jobtui
from shop.scheduler import scheduler


class Command(BaseCommand):
    """Run the jobs until a signal."""

    help = "Runs the jobs of all installed apps until SIGTERM or Ctrl+C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments of the command."""
        parser.add_argument("--listen", default="127.0.0.1:9001", help="where the status page is")
        parser.add_argument("--grace", type=float, default=10, help="seconds that runs get at the end")

    def handle(self, *, listen: str, grace: float, **_options: object) -> None:
        """Import the jobs, and run them."""
        autodiscover_modules("jobs")
        with jobtui.serve(scheduler, listen, title="shop") as server:
            self.stdout.write(f"The status page is at {server.address}")
            jobtui.run(scheduler, grace=grace)
