"""The jobs behind nginx."""

import jobtui


@jobtui.scheduled("0 */5 * * * *", on_start=True)
def import_orders() -> None:
    """Import what has arrived."""
    print("imported 12 orders")
