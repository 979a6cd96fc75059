"""Languages of the project, for tests of what it shows to people."""

from __future__ import annotations

from agent.locale.language import language_of

ENGLISH = language_of("en")
VIETNAMESE = language_of("vi")
LANGUAGES = (ENGLISH, VIETNAMESE)
