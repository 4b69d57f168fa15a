"""Weather's token endpoint: who gets a token, and for how long it opens the door."""

import base64
import unittest

from starlette.datastructures import Headers
from weather.oauth import Client, TokenError, Tokens

FORM = {"grant_type": "client_credentials"}
GOOD = {**FORM, "client_id": "gateway", "client_secret": "s3cret:%"}


def basic(identifier: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{identifier}:{secret}".encode()).decode()


class TokenEndpoint(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.tokens = Tokens(Client("gateway", "s3cret:%"), lifetime_seconds=60, clock=lambda: self.now)

    def check_refused(self, code: str, authorization: str | None, form: dict) -> None:
        with self.assertRaises(TokenError) as refused:
            self.tokens.issue(authorization, form)
        self.assertEqual(refused.exception.code, code)

    def admits(self, value: str) -> bool:
        return self.tokens.admits(Headers({"authorization": value}))

    def test_issues_by_form_and_by_basic(self):
        self.assertEqual(self.tokens.issue(None, GOOD)["expires_in"], 60)
        self.assertEqual(self.tokens.issue(basic("gateway", "s3cret%3A%25"), FORM)["token_type"], "Bearer")

    def test_refuses_other_clients(self):
        self.check_refused("invalid_client", None, {**GOOD, "client_secret": "wrong"})
        self.check_refused("invalid_client", None, {**GOOD, "client_id": "other"})
        self.check_refused("invalid_client", None, FORM)
        self.check_refused("invalid_client", basic("gateway", "wrong"), FORM)
        self.check_refused("invalid_client", "Basic !!!", FORM)

    def test_refuses_what_is_not_client_credentials(self):
        self.check_refused("unsupported_grant_type", None, {**GOOD, "grant_type": "password"})
        self.check_refused("invalid_scope", None, {**GOOD, "scope": "weather.read weather.write"})
        self.check_refused("invalid_request", basic("gateway", "s3cret%3A%25"), GOOD)

    def test_a_token_opens_the_door_until_it_expires(self):
        token = self.tokens.issue(None, GOOD)["access_token"]
        self.assertTrue(self.admits(f"Bearer {token}"))
        self.assertFalse(self.admits(f"Basic {token}"))
        self.assertFalse(self.admits("Bearer something-else"))
        self.assertFalse(self.admits("Bearer "))
        self.now += 60
        self.assertFalse(self.admits(f"Bearer {token}"))


if __name__ == "__main__":
    unittest.main()
