"""The bundled table of climate normals. Where the figures come from is said in the table itself."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True)
class Normal:
    """One city in one month. Temperatures in degrees Celsius, precipitation in millimetres (None: not published)."""

    city: str
    country: str
    station: str
    wmo_id: str
    month: int
    high_c: float
    low_c: float
    precipitation_mm: float | None

    def temperatures(self) -> str:
        """The sentence about temperature."""
        high, low = _both_units(self.high_c), _both_units(self.low_c)
        return f"{self.city} in {MONTHS[self.month - 1]}: average daily high {high}, average daily low {low}."

    def precipitation(self) -> str:
        """The sentence about rain and snow."""
        if self.precipitation_mm is None:
            return f"No precipitation normal is published for {self.station}."
        return f"Average precipitation {self.precipitation_mm:.0f} mm in the month."

    def source(self) -> str:
        """The sentence about where the figures were measured."""
        return f"WMO normals 1991-2020, station {self.station} ({self.wmo_id})."


def _both_units(celsius: float) -> str:
    return f"{celsius:.1f} °C ({celsius * 9 / 5 + 32:.0f} °F)"


@cache
def _table() -> dict[str, dict]:
    with Path(__file__).with_name("normals.json").open(encoding="utf-8") as file:
        return {entry["city"]: entry for entry in json.load(file)["cities"]}


def cities() -> tuple[str, ...]:
    """Every city of the table, in order."""
    return tuple(_table())


def aliases() -> dict[str, str]:
    """Every name by which a city may be asked for (lower case), and the city it means."""
    names = {}
    for city, entry in _table().items():
        for name in (city, *entry["aliases"]):
            names[name.lower()] = city
    return names


def normal(city: str, month: int) -> Normal:
    """The figures of one city of the table in one month (1 to 12)."""
    entry = _table()[city]
    return Normal(
        city=city,
        country=entry["country"],
        station=entry["station"],
        wmo_id=entry["wmoId"],
        month=month,
        high_c=entry["highC"][month - 1],
        low_c=entry["lowC"][month - 1],
        precipitation_mm=entry["precipitationMm"][month - 1],
    )
