"""The jobs of the shop, in /opt/shop/jobs.py."""

import time

import jobtui


@jobtui.scheduled("0 */5 * * * *", on_start=True)
def import_orders() -> None:
    """Import what has arrived. A stop of the service waits for this, at most as long as ``--grace`` says."""
    time.sleep(0.5)
    print("imported 12 orders")
