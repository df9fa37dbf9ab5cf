"""The recipe for a notebook, in a real kernel of Jupyter."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async, ensure_event_loop
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support.command_line import LIMIT
from support.recipes import copy_recipe, get
from support.waiting import wait_until


class Notebook:
    """The notebook of the recipe, with a kernel that executes its cells.

    Args:
        client: Executes cells.
    """

    def __init__(self, client: NotebookClient) -> None:
        self._client = client
        self._cells = client.nb.cells

    def execute(self, name: str) -> str:
        """Execute a cell, and return its result or what it printed."""
        [index] = [number for number, cell in enumerate(self._cells) if cell.id == name]
        outputs = self._client.execute_cell(self._cells[index], index).outputs
        texts = [each.text if each.output_type == "stream" else each.data["text/plain"] for each in outputs]
        return "".join(texts)

    def execute_all(self) -> None:
        """Execute all cells in order."""
        for cell in self._cells:
            if cell.cell_type == "code":
                self.execute(cell.id)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a cell."""
        [cell] = [cell for cell in self._cells if cell.id == name]
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    def evaluate(self, expression: str) -> str:
        """Execute an expression in a cell of its own, and return its result."""
        cell = self._cells[-1].copy()
        cell.update(source=expression, id=f"test-{len(self._cells)}")
        self._cells.append(cell)
        return self.execute(cell.id)

    def interrupt(self) -> None:
        """Interrupt the cell that the kernel executes."""
        assert isinstance(self._client.km, AsyncKernelManager)
        asyncio.run(ensure_async(self._client.km.interrupt_kernel()))


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    """Open the notebook, and start its kernel."""
    folder = copy_recipe("notebook", tmp_path)
    client = NotebookClient(
        nbformat.read(folder / "jobs.ipynb", as_version=4),
        timeout=int(LIMIT),
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    with client.setup_kernel():
        yield Notebook(client)
    ensure_event_loop().close()  # of this thread, which nbclient leaves open
    asyncio.set_event_loop(None)


def test_all_cells_can_be_executed_in_order_and_once_more(notebook: Notebook) -> None:
    """The last one stops the scheduler, and the first one starts it again."""
    notebook.execute_all()
    assert notebook.evaluate("scheduler.snapshot().phase.name") == "'STOPPED'"
    notebook.execute_all()
    assert notebook.evaluate("len(scheduler.jobs)") == "1"


def test_a_cell_that_is_executed_again_replaces_its_job_and_keeps_the_scheduler(notebook: Notebook) -> None:
    notebook.execute("start")
    before = notebook.evaluate("id(scheduler)")
    notebook.execute("start")
    assert notebook.evaluate("id(scheduler)") == before
    notebook.execute("job")
    assert "'sample'" in notebook.execute("look")
    notebook.execute("job")
    notebook.edit("job", '"1s"', '"7s"')
    notebook.edit("job", "append(len(samples))", 'append("new")')
    notebook.execute("job")
    assert "@every 7s" in notebook.execute("look")
    assert notebook.evaluate("[job.name for job in scheduler.jobs]") == "['sample']"
    assert notebook.evaluate("await scheduler.job('sample').run(); samples") == "['new']"


def test_interrupting_a_cell_leaves_the_scheduler_and_its_page_alive(
    notebook: Notebook, tmp_path: Path
) -> None:
    for name in ("start", "job"):
        notebook.execute(name)
    url = notebook.execute("page").strip()
    begun = tmp_path / "begun"

    def interrupt_when_begun() -> None:
        wait_until(begun.exists)
        notebook.interrupt()

    thread = threading.Thread(target=interrupt_when_begun)
    thread.start()
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        notebook.evaluate(f"import pathlib, time; pathlib.Path({str(begun)!r}).touch(); time.sleep(600)")
    thread.join()
    assert notebook.evaluate("scheduler.snapshot().phase.name") == "'RUNNING'"
    assert notebook.evaluate("await scheduler.now(sum, [1, 2])") == "3"
    assert get(f"{url}/healthz")[0] == 200
