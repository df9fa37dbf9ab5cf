"""Watching a scheduler: readers miss nothing, hold nobody up, and are told once."""

import threading

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended, zero

from jobtui.engine import event_log


def test_events_go_on_where_the_snapshot_ends(make_scheduler: MakeScheduler) -> None:
    """Whatever happens at the moment of subscribing: no gap, nothing twice, in each subscription."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            assert_ended(scheduler.now(zero))

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            told = threading.Event()
            subscription = scheduler.subscribe(told.set)
            assert told.wait(LIMIT)
            subscription.close()
            numbers = [event.seq for event in subscription.read()]
            first = subscription.snapshot.seq + 1
            assert numbers == list(range(first, first + len(numbers)))
            assert numbers
    finally:
        stop.set()
        for thread in threads:
            thread.join(LIMIT)


def test_a_slow_reader_loses_the_oldest_events_and_knows_how_many(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left are the newest ones; a new snapshot makes up for the rest."""
    monkeypatch.setattr(event_log, "CAPACITY", 10)
    scheduler = make_scheduler()
    subscription = scheduler.subscribe()
    for _ in range(10):
        scheduler.in_("1h", zero)
    assert subscription.lost == 1  # a job was added, too
    scheduler.in_("1h", zero)
    assert subscription.lost == 2
    assert [event.seq for event in subscription.read()] == list(range(3, 13))
    assert not subscription.read()
    scheduler.in_("1h", zero)
    assert (len(subscription.read()), subscription.lost) == (1, 2)


def test_a_reader_is_told_once_until_it_reads_or_skips(make_scheduler: MakeScheduler) -> None:
    """However much happens and whoever else reads meanwhile; again after that, not of what it has read."""
    scheduler = make_scheduler()
    told: list[int] = []
    subscription = scheduler.subscribe(lambda: told.append(1))
    other = scheduler.subscribe(lambda: None)
    for times, take in enumerate((list, subscription.read, subscription.skip, subscription.read), 1):
        take()
        take()
        assert len(told) == times - 1
        for _ in range(3):
            scheduler.in_("1h", zero)
            assert len(told) == times
            other.read()
    assert subscription.lost == 0


def test_a_closed_subscription_gets_nothing(make_scheduler: MakeScheduler) -> None:
    """And others go on."""
    scheduler = make_scheduler()
    closed, other, third = scheduler.subscribe(), scheduler.subscribe(), scheduler.subscribe()
    closed.close()
    closed.close()
    scheduler.now(zero)
    assert not closed.read()
    events = list(other.read())
    assert [type(event).__name__ for event in events] == ["JobAdded", "RunQueued"]
    assert list(third.read()) == events
    third.close()
    other.close()
    assert not scheduler._kernel._engine.event_log.is_recording  # none is built while nobody listens
    scheduler.now(zero)
    assert not other.read()
    assert scheduler.subscribe().snapshot.seq == 3


def test_what_has_come_can_be_read_once_after_the_close(make_scheduler: MakeScheduler) -> None:
    """And nothing that happens afterwards counts as lost."""
    scheduler = make_scheduler()
    subscription = scheduler.subscribe()
    scheduler.now(zero)
    subscription.close()
    for _ in range(3):
        scheduler.in_("1h", zero)
    subscription.close()
    assert [type(event).__name__ for event in subscription.read()] == ["JobAdded", "RunQueued"]
    assert not subscription.read()
    assert subscription.lost == 0


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, KeyboardInterrupt])
def test_a_subscriber_that_raises_ends_nothing(
    make_scheduler: MakeScheduler, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Not the thread that told it, nor the run that thread has just taken; it is logged."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()

    def fail() -> None:
        subscription.skip()  # or it would be told once only
        if threading.current_thread() is not threading.main_thread():
            raise error

    subscription = scheduler.subscribe(fail)
    assert [scheduler.now(zero).result(LIMIT) for _ in range(3)] == [0, 0, 0]
    assert "a subscriber raised an exception; the scheduler continues" in caplog.text


def test_ctrl_c_during_a_notification_is_not_swallowed(make_scheduler: MakeScheduler) -> None:
    """In the main thread KeyboardInterrupt is the user's."""
    scheduler = make_scheduler(pool=1)

    def interrupted() -> None:
        raise KeyboardInterrupt

    subscription = scheduler.subscribe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        scheduler.now(zero)
    subscription.close()


def test_a_log_handler_that_raises_ends_nothing(make_scheduler: MakeScheduler) -> None:
    """Even where something is logged that went wrong already."""
    import logging  # noqa: PLC0415 - one test needs it

    class Broken(logging.Handler):
        """A handler that raises."""

        def emit(self, record: logging.LogRecord) -> None:
            """Raise."""
            raise OSError("the log is full")

    def fail() -> None:
        raise ValueError

    scheduler = make_scheduler(pool=1)
    scheduler.start()
    handler = Broken()
    logging.getLogger("jobtui").addHandler(handler)
    try:
        scheduler.subscribe(fail)
        scheduler.on_app_stop(fail)
        assert scheduler.now(zero).result(LIMIT) == 0
        assert scheduler.stop(LIMIT)
    finally:
        logging.getLogger("jobtui").removeHandler(handler)
