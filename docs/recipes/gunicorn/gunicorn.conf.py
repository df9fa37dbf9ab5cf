"""Start a scheduler in each worker. They share a store: one runs the jobs, the others stand by."""

wsgi_app = "shop:app"
workers = 2
preload_app = True  # creates the scheduler before the fork; a thread would not survive that


def post_worker_init(worker):
    """Start the scheduler after the fork."""
    import shop

    shop.scheduler.start()


def worker_exit(server, worker):
    """Free the address of the page, then stop the scheduler, so that another worker takes over."""
    import shop

    shop.page.close()
    shop.scheduler.stop()
