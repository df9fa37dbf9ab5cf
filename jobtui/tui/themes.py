"""Themes of jobtui for eyes that do not tell red from green: blue, orange and vermilion of Okabe and Ito."""

from __future__ import annotations

from textual.theme import Theme

SAFE_THEMES = (
    Theme(
        name="colour-safe-dark",
        primary="#56B4E9",
        secondary="#CC79A7",
        accent="#F0E442",
        success="#56B4E9",
        warning="#F0E442",
        error="#E8743B",
        background="#121212",
        surface="#1E1E1E",
        panel="#2A2A2A",
        dark=True,
    ),
    Theme(
        name="colour-safe-light",
        primary="#0072B2",
        secondary="#AA4499",
        accent="#8A6D00",
        success="#0072B2",
        warning="#8A6D00",
        error="#B34700",
        background="#FFFFFF",
        surface="#F2F2F2",
        panel="#E6E6E6",
        dark=False,
    ),
)
