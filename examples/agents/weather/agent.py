"""What Weather says, given what it was asked."""

from collections.abc import Callable, Iterator
from datetime import date

from common.answers import COMPLETED, INPUT_REQUIRED, REJECTED, WORKING, Answering, Piece, Said

from . import normals
from .question import Question, read

# One answer stays readable, and one request stays cheap.
MAX_ANSWERS = 24


class Weather(Answering):
    """Answers with climate normals, asks back when the city is missing, refuses places it has no figures for."""

    def __init__(self, pace: float, today: Callable[[], date] = date.today) -> None:
        super().__init__(pace)
        self._today = today

    def answer(self, said: list[str]) -> Iterator[Piece | Said]:
        """One artifact per city and month: the temperatures, then precipitation and source."""
        month = self._today().month
        question = Question()
        for text in said:
            question = question.followed_by(read(text, month))
        if question.unknown:
            yield Said(REJECTED, f'I have no figures for "{question.unknown}". I know: {", ".join(normals.cities())}.')
        elif not question.cities:
            yield Said(INPUT_REQUIRED, f"For which city? I know: {', '.join(normals.cities())}.")
        else:
            yield from _figures(question.cities, question.months or (month,))


def _figures(cities: tuple[str, ...], months: tuple[int, ...]) -> Iterator[Piece | Said]:
    asked = [normals.normal(city, month) for city in cities for month in months]
    if len(asked) > MAX_ANSWERS:
        yield Said(REJECTED, f"That is {len(asked)} answers at once; please ask for at most {MAX_ANSWERS}.")
        return
    yield Said(WORKING, f"Looking up {', '.join(cities)} in the table of climate normals.")
    for normal in asked:
        artifact = f"climate-{normal.city.lower().replace(' ', '-')}-{normal.month:02}"
        yield Piece(artifact, normal.temperatures())
        yield Piece(artifact, f"{normal.precipitation()} {normal.source()}", data=_data(normal))
    yield Said(COMPLETED, asked[0].temperatures() if len(asked) == 1 else f"{len(asked)} answers.")


def _data(normal: normals.Normal) -> dict:
    return {
        "city": normal.city,
        "country": normal.country,
        "month": normal.month,
        "highC": normal.high_c,
        "lowC": normal.low_c,
        "precipitationMm": normal.precipitation_mm,
        "period": "1991-2020",
        "wmoStation": normal.wmo_id,
    }
