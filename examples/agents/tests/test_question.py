"""Weather's reading of questions, and its table."""

import unittest

from weather import normals
from weather.question import Question, read


class Reading(unittest.TestCase):
    def check(self, text: str, cities=(), months=(), unknown=None) -> None:
        self.assertEqual(read(text, current_month=11), Question(tuple(cities), tuple(months), unknown), text)

    def test_finds_city_and_month(self):
        self.check("What is the weather in Tokyo in July?", ["Tokyo"], [7])
        self.check("oslo, jan", ["Oslo"], [1])
        self.check("How warm is New York City in Sept.?", ["New York"], [9])

    def test_reads_accents_and_local_names(self):
        self.check("Zürich im? no: Zürich in May", ["Zurich"], [5])
        self.check("Reykjavík", ["Reykjavik"])
        self.check("What's Wien's climate like?", ["Vienna"])

    def test_now_is_the_current_month(self):
        self.check("weather in Cairo now", ["Cairo"], [11])
        self.check("And in Cairo today?", ["Cairo"], [11])

    def test_takes_several_cities_and_months(self):
        self.check("Compare Oslo and Rome in June and December", ["Oslo", "Rome"], [6, 12])

    def test_sees_that_the_city_is_missing(self):
        self.check("What is the weather like?")
        self.check("How hot is it in July?", [], [7])
        self.check("")

    def test_names_the_place_it_does_not_know(self):
        self.check("weather in Atlantis in July", [], [7], "atlantis")
        self.check("Gotham City", [], [], "gotham city")

    def test_does_not_find_a_city_inside_another_word(self):
        self.check("weather in Romeville", [], [], "romeville")

    def test_a_later_message_completes_an_earlier_one(self):
        july = read("How hot is it in July?", 11)
        self.assertEqual(july.followed_by(read("Tokyo", 11)), Question(("Tokyo",), (7,)))
        self.assertEqual(july.followed_by(read("Tokyo in May", 11)), Question(("Tokyo",), (5,)))
        self.assertEqual(read("Tokyo", 11).followed_by(read("in May?", 11)), Question(("Tokyo",), (5,)))


class Table(unittest.TestCase):
    def test_every_city_has_plausible_months(self):
        self.assertGreaterEqual(len(normals.cities()), 30)
        for city in normals.cities():
            for month in range(1, 13):
                entry = normals.normal(city, month)
                self.assertLess(entry.low_c, entry.high_c, entry)
                self.assertTrue(-60 < entry.low_c < entry.high_c < 60, entry)
                self.assertTrue(entry.precipitation_mm is None or 0 <= entry.precipitation_mm < 3000, entry)

    def test_says_the_published_figures(self):
        tokyo = normals.normal("Tokyo", 7)
        self.assertEqual(
            tokyo.temperatures(), "Tokyo in July: average daily high 29.9 °C (86 °F), average daily low 22.4 °C (72 °F)."
        )
        self.assertEqual(tokyo.precipitation(), "Average precipitation 156 mm in the month.")

    def test_says_so_where_no_figure_is_published(self):
        self.assertIn("No precipitation normal", normals.normal("Toronto", 4).precipitation())


if __name__ == "__main__":
    unittest.main()
