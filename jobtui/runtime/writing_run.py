"""The run that the calling code writes its output for, also in threads and subprocesses that a job starts.

Unlike `current_run`, this is known only while output is captured.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, BinaryIO

from jobtui.engine.records import RunRecord
from jobtui.runtime.current_run import run_of_context
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.stream_guard import guard

_READ_TIME = 0.2  # seconds: how long the rest of the output of a subprocess that has ended is waited for
_READ_SIZE = 65_536  # bytes

WritingRun = tuple[RunRecord, RunAttachments] | None

# The run that has started the thread, or has submitted the function to the pool of threads.
_run_of_thread: ContextVar[WritingRun] = ContextVar("_run_of_thread", default=None)


def writing_run() -> WritingRun:
    """Return the run that the calling code works for, or that has started its thread and has not ended."""
    current = run_of_context.get()
    if current is None:
        current = _run_of_thread.get()
        if current is not None and current[0].state.ended:
            return None
    return current


def _call_for(run: WritingRun, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function whose output belongs to a run."""
    token = _run_of_thread.set(run)
    try:
        return function(*args, **kwargs)
    finally:
        _run_of_thread.reset(token)


@contextmanager
def replaced(owner: type, name: str, method: Callable[..., Any]) -> Iterator[None]:
    """Replace a method of a class of another library for a while."""
    before = getattr(owner, name)
    setattr(owner, name, wraps(before)(method))
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def follow_threads() -> Iterator[None]:
    """Attribute the output of threads to the run that starts them, or that submits to a pool of threads."""
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit

    def start_for_run(thread: threading.Thread) -> None:
        current = writing_run()
        if current is not None and not thread.name.startswith("jobtui-"):
            work = thread.run

            def run() -> None:
                vars(thread).pop("run", None)  # ends the cycle of references
                _call_for(current, work)

            thread.run = run  # type: ignore[method-assign]
        start(thread)

    def submit_for_run(executor: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return submit(executor, partial(_call_for, writing_run(), function), *args, **kwargs)

    starts = replaced(threading.Thread, "start", start_for_run)
    with starts, replaced(ThreadPoolExecutor, "submit", submit_for_run):
        yield


class _SubprocessReaders:
    """The threads that read what subprocesses of runs write.

    Args:
        streams: The streams that capture standard output and standard error, by the parameter of `Popen`.

    Attributes:
        threads: The run of each process whose output is not known to be read, and its threads.
    """

    def __init__(self, streams: dict[str, Any]) -> None:
        self._streams = streams
        self.threads: dict[Any, tuple[RunRecord, list[threading.Thread]]] = {}

    @contextmanager
    def redirect(self, process: Any, run: WritingRun, arguments: dict[str, Any]) -> Iterator[None]:
        """Give a subprocess pipes in place of inherited streams; close this end when it has started.

        Args:
            process: The `Popen` object.
            run: The run that starts it.
            arguments: The arguments of `Popen`. The pipes are put into them.
        """
        threads: list[threading.Thread] = []
        with ExitStack() as cleanup:
            for name, stream in self._streams.items():
                if arguments.get(name) in (None, stream):
                    reading, writing = os.pipe()
                    cleanup.callback(os.close, writing)
                    arguments[name] = writing
                    work = partial(_call_for, run, _copy, reading, stream)
                    threads.append(threading.Thread(target=work, name="jobtui-output", daemon=True))
                    threads[-1].start()
            yield
        for other, (_, others) in list(self.threads.items()):
            if not any(thread.is_alive() for thread in others):
                self.threads.pop(other, None)
        if run is not None:
            self.threads[process] = run[0], threads

    def finish(self, process: Any) -> None:
        """Block until the output of a process that has ended is read, but not for long.

        A process in the background may have inherited the pipe and keep it open.
        """
        _, threads = self.threads.pop(process, (None, []))
        for thread in threads:
            thread.join(_READ_TIME)

    def finish_all(self, run: object) -> None:
        """Finish the ended processes of a run that were not waited for with `Popen.wait`."""
        for process, (owner, _) in list(self.threads.items()):
            if owner is run and process.returncode is not None:
                self.finish(process)


@contextmanager
def follow_subprocesses(out: Any, err: Any) -> Iterator[None]:
    """Write what subprocesses of a run print to the captured streams, unless it is redirected.

    Pipes in place of the descriptors 1 and 2 would not know the run, and they would swallow the last words of
    a process that crashes. A subprocess in a session of its own may outlive this process, and is left alone.

    Args:
        out: The stream that captures standard output.
        err: The stream that captures standard error.
    """
    init, wait = subprocess.Popen.__init__, subprocess.Popen.wait
    signature = inspect.signature(init)
    readers = _SubprocessReaders({"stdout": out, "stderr": err})

    def init_for_run(process: Any, *args: Any, **kwargs: Any) -> None:
        current = writing_run()
        if current is None or kwargs.get("start_new_session"):
            init(process, *args, **kwargs)
            return
        bound = signature.bind(process, *args, **kwargs)
        with readers.redirect(process, current, bound.arguments):
            init(*bound.args, **bound.kwargs)

    def wait_for_output(process: Any, timeout: float | None = None) -> Any:
        status = wait(process, timeout)
        readers.finish(process)
        return status

    starts = replaced(subprocess.Popen, "__init__", init_for_run)
    waits = replaced(subprocess.Popen, "wait", wait_for_output)
    with starts, waits, guard.finishing(readers.threads, readers.finish_all):
        yield


def _copy(descriptor: int, stream: Any) -> None:
    """Copy what comes out of a pipe to a captured stream."""
    buffer: BinaryIO = stream.buffer
    with open(descriptor, "rb", buffering=0) as pipe:
        while data := pipe.read(_READ_SIZE):
            buffer.write(data)
            stream.flush()
