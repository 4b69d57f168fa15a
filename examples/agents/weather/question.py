"""Reads a question: which cities, which months. Knows nothing of A2A, and takes today's month as an argument."""

import re
import unicodedata
from dataclasses import dataclass

from . import normals

# What may be left of a question once cities and months are taken out of it, without being the name of a place.
_FILLER = frozenset(
    "a about and are at average be climate cold compare current currently do does dry expect feel for forecast get going "
    "hello here hi hot how i in is it its like me month months much my now of on or please rain rainy right should show "
    "snow sunny tell temperature temperatures the there this time to today today's typical typically usual usually versus "
    "vs want warm was weather wet what what's when will with would year you".split()
)


@dataclass(frozen=True)
class Question:
    """What was asked for. `months` is empty where none was named; `unknown` is a place that the table does not have."""

    cities: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    unknown: str | None = None

    def followed_by(self, later: "Question") -> "Question":
        """This question completed by a later message of the same conversation: what is said later counts."""
        if later.cities or later.unknown:
            return Question(later.cities, later.months or self.months, later.unknown)
        return Question(self.cities, later.months or self.months, self.unknown)


def read(text: str, current_month: int) -> Question:
    """Reads one message. "now" and "today" mean `current_month` (1 to 12)."""
    words = _plain(text)
    cities, rest = _take(words, normals.aliases())
    months, rest = _take(rest, _month_names(current_month))
    left = [word for word in rest.split() if word not in _FILLER]
    unknown = " ".join(left) if left and not cities else None
    return Question(tuple(cities), tuple(months), unknown)


def _plain(text: str) -> str:
    """Lower case, without accents, and with single spaces instead of punctuation."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w']+", " ", letters).split())


def _take(words: str, names: dict) -> tuple[list, str]:
    """The meanings of the `names` that stand in `words`, in the order of the text, and the words without them."""
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, longest_first)) + r")(?:'s)?(?!\w)")
    found = dict.fromkeys(names[match.group(1)] for match in pattern.finditer(words))
    return list(found), " ".join(pattern.sub(" ", words).split())


def _month_names(current_month: int) -> dict[str, int]:
    names = {"now": current_month, "today": current_month, "this month": current_month}
    for number, name in enumerate(normals.MONTHS, start=1):
        names[name.lower()] = number
        # "may" is both forms; "mar" and "jun" are nobody's city.
        names[name[:3].lower()] = number
    names["sept"] = 9
    return names
