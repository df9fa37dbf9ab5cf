"""Subscriptions: readers miss no event, do not slow the scheduler down, and are notified once."""

import threading

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended, assert_no_threads_left, zero
from support.runtime_parts import runtime_of

from jobtui.engine import event_log


def test_the_first_event_follows_the_snapshot_without_a_gap(make_scheduler: MakeScheduler) -> None:
    """Changes at the moment of subscribing are either in the snapshot or in the events, never lost."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            assert_ended(scheduler.now(zero))

    threads = [threading.Thread(target=keep_busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            notified = threading.Event()
            subscription = scheduler.subscribe(notified.set)
            assert notified.wait(LIMIT)
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
    """The newest ones are left; a new snapshot replaces the rest."""
    monkeypatch.setattr(event_log, "CAPACITY", 10)
    scheduler = make_scheduler()
    subscription = scheduler.subscribe()
    for _ in range(10):
        scheduler.in_("1h", zero)
    assert subscription.lost == 1  # one of the 11 events is JobAdded
    scheduler.in_("1h", zero)
    assert subscription.lost == 2
    assert [event.seq for event in subscription.read()] == list(range(3, 13))
    assert not subscription.read()
    scheduler.in_("1h", zero)
    assert (len(subscription.read()), subscription.lost) == (1, 2)


def test_a_reader_is_notified_once_until_it_reads(make_scheduler: MakeScheduler) -> None:
    """However much happens, and whether or not other readers read."""
    scheduler = make_scheduler()
    notifications: list[int] = []
    subscription = scheduler.subscribe(lambda: notifications.append(1))
    other = scheduler.subscribe(lambda: None)
    for times, consume in enumerate((list, subscription.read, subscription.read), 1):
        consume()
        consume()
        assert len(notifications) == times - 1
        for _ in range(3):
            scheduler.in_("1h", zero)
            assert len(notifications) == times
            other.read()
    assert subscription.lost == 0


def test_a_closed_subscription_receives_no_events(make_scheduler: MakeScheduler) -> None:
    """Other subscriptions do."""
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
    assert runtime_of(scheduler).kernel.engine.event_log.buffer is None  # without readers, no event is stored
    scheduler.now(zero)
    assert not other.read()
    assert scheduler.subscribe().snapshot.seq == 3


def test_events_before_the_close_can_be_read_once_after_it(make_scheduler: MakeScheduler) -> None:
    """Later events do not count as lost."""
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


def test_a_listener_is_called_after_every_change_without_events(make_scheduler: MakeScheduler) -> None:
    """Reading the state calls no listener, and a subscription makes no difference."""
    scheduler = make_scheduler()
    seen: list[int] = []

    def listen() -> None:
        seen.append(len(scheduler.snapshot().scheduled))

    end, end_too = scheduler.on_change(listen), scheduler.on_change(listen)
    scheduler.in_("1h", zero)
    assert seen == [1, 1]
    end()
    end()
    scheduler.in_("1h", zero)
    scheduler.pool_view()
    assert seen == [1, 1, 2]
    subscription = scheduler.subscribe()
    scheduler.in_("1h", zero)
    assert seen == [1, 1, 2, 3]
    assert len(subscription.read()) == 1
    end_too()
    scheduler.in_("1h", zero)
    assert seen == [1, 1, 2, 3]


def test_an_exception_of_a_listener_keeps_no_other_listener_from_its_call(
    make_scheduler: MakeScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged."""
    scheduler = make_scheduler()
    called: list[str] = []

    def fail() -> None:
        called.append("fails")
        raise KeyboardInterrupt

    scheduler.on_change(fail)
    scheduler.on_change(lambda: called.append("works"))
    scheduler.in_("1h", zero)
    assert called == ["fails", "works"]
    assert "a subscriber raised an exception; the scheduler continues" in caplog.text


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, KeyboardInterrupt])
def test_an_exception_of_a_subscriber_is_logged_and_ends_nothing(
    make_scheduler: MakeScheduler, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the thread that notifies it, nor the run that this thread executes next."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()

    def fail() -> None:
        subscription.read()  # or there would be only one notification
        raise error

    subscription = scheduler.subscribe(fail)
    assert [scheduler.now(zero).result(LIMIT) for _ in range(3)] == [0, 0, 0]
    assert scheduler.stop(LIMIT)
    assert_no_threads_left()
    assert "a subscriber raised an exception; the scheduler continues" in caplog.text


def test_an_exception_of_a_log_handler_ends_nothing(make_scheduler: MakeScheduler) -> None:
    """Here it handles records of other exceptions."""
    import logging  # noqa: PLC0415 - one test needs it

    class BrokenHandler(logging.Handler):
        """A handler that raises."""

        def emit(self, record: logging.LogRecord) -> None:
            """Raise."""
            raise OSError("the log is full")

    def fail() -> None:
        raise ValueError

    scheduler = make_scheduler(pool=1)
    scheduler.start()
    handler = BrokenHandler()
    logging.getLogger("jobtui").addHandler(handler)
    try:
        scheduler.subscribe(fail)
        scheduler.on_app_stop(fail)
        assert scheduler.now(zero).result(LIMIT) == 0
        assert scheduler.stop(LIMIT)
    finally:
        logging.getLogger("jobtui").removeHandler(handler)
