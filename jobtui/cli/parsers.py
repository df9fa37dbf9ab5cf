"""The parser of each command."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobtui.cli.arguments import (
    AttachParser,
    CompletionParser,
    HashPasswordParser,
    NextParser,
    Parser,
    TargetParser,
)
from jobtui.cli.source_arguments import (
    CancelParser,
    ForecastParser,
    HistoryParser,
    LogsParser,
    PauseParser,
    PsParser,
    ResumeParser,
    RunParser,
    ShowParser,
    StackParser,
    WhyParser,
)

PARSERS: Mapping[str, Callable[[], Parser]] = {
    "attach": AttachParser,
    "cancel": CancelParser,
    "check": TargetParser,
    "completion": CompletionParser,
    "demo": TargetParser,
    "forecast": ForecastParser,
    "hash-password": HashPasswordParser,
    "history": HistoryParser,
    "logs": LogsParser,
    "next": NextParser,
    "pause": PauseParser,
    "ps": PsParser,
    "resume": ResumeParser,
    "run": RunParser,
    "show": ShowParser,
    "stack": StackParser,
    "why": WhyParser,
}
