"""Languages of the project, for tests of what it shows to people."""

from __future__ import annotations

import re

from agent.locale.language import language_of

ENGLISH = language_of("en")
VIETNAMESE = language_of("vi")
LANGUAGES = (ENGLISH, VIETNAMESE)
# Of a text that should be Vietnamese: quoted English, or words of it.
ENGLISH_LEFT = re.compile(r"“|\b(the|is|it|its|not|has|have|can't|there|for|and|or|with|be|was|give)\b")
