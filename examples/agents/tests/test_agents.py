"""What the agents say in A2A terms: which pieces, and how the task ends."""

import unittest
from datetime import date

from calculator.agent import Calculator
from common.answers import COMPLETED, INPUT_REQUIRED, REJECTED, Piece, Said
from weather.agent import Weather

AGENTS = {"weather": Weather(0, today=lambda: date(2026, 11, 21)), "calculator": Calculator(0)}


class Answers(unittest.TestCase):
    def check(self, agent: str, said: list[str], state, text: str, pieces: int) -> None:
        events = list(AGENTS[agent].answer(said))
        last = events[-1]
        self.assertIsInstance(last, Said)
        self.assertEqual(last.state, state, last.text)
        self.assertIn(text, last.text)
        self.assertEqual(sum(isinstance(event, Piece) for event in events), pieces)

    def test_weather_answers_in_two_pieces_a_city(self):
        self.check("weather", ["Oslo in July"], COMPLETED, "22.7 °C", pieces=2)
        self.check("weather", ["Oslo and Rome in July"], COMPLETED, "2 answers", pieces=4)

    def test_weather_means_this_month_where_none_is_named(self):
        self.check("weather", ["How warm is it in Sydney now?"], COMPLETED, "Sydney in November", pieces=2)

    def test_weather_asks_back_and_remembers_what_was_said(self):
        self.check("weather", ["How warm is it in July?"], INPUT_REQUIRED, "For which city?", pieces=0)
        self.check("weather", ["How warm is it in July?", "Tokyo"], COMPLETED, "Tokyo in July", pieces=2)

    def test_weather_refuses_places_it_does_not_know(self):
        self.check("weather", ["Atlantis in May"], REJECTED, '"atlantis"', pieces=0)

    def test_calculator_evaluates_line_by_line(self):
        self.check("calculator", ["(2 + 3) * 7"], COMPLETED, "= 35", pieces=1)
        self.check("calculator", ["1 + 1; 2 + 2\n1 / 0"], COMPLETED, "2 evaluated, 1 refused", pieces=3)

    def test_calculator_refuses_and_asks_back(self):
        self.check("calculator", ["import os"], REJECTED, "not an arithmetic expression", pieces=1)
        self.check("calculator", ["  "], INPUT_REQUIRED, "Which expression", pieces=0)
        self.check("calculator", [";".join("1" * 30)], REJECTED, "at most 20", pieces=0)


if __name__ == "__main__":
    unittest.main()
