"""What README shows works when it is pasted."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_first_job_file_and_its_test(tmp_path: Path) -> None:
    """The two files, in a folder of their own, are a test that passes there; a wrong one would fail."""
    for name in ("my_jobs.py", "test_my_jobs.py"):
        [text] = re.findall(rf"```python\n(# {name}\n.*?)```", README, re.DOTALL)
        (tmp_path / name).write_text(text, encoding="utf-8")
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    passed = subprocess.run(pytest, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (passed.returncode, "1 passed" in passed.stdout) == (0, True), passed.stdout
    test = tmp_path / "test_my_jobs.py"
    test.write_text(test.read_text(encoding="utf-8").replace('03:00"]', '02:30"]'), encoding="utf-8")
    failed = subprocess.run(pytest, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (failed.returncode, "1 failed" in failed.stdout) == (1, True), failed.stdout
