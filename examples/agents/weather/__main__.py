"""Runs Weather: `python -m weather`. Its card is public; everything else wants a token from its own `/oauth/token`."""

import os

from a2a.types.a2a_pb2 import (
    AgentSkill,
    ClientCredentialsOAuthFlow,
    OAuth2SecurityScheme,
    OAuthFlows,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)
from a2a.utils.constants import AGENT_CARD_WELL_KNOWN_PATH
from common import server, settings
from common.doors import Door
from starlette.routing import Route

from . import oauth
from .agent import Weather

PATHS = server.Paths(rpc="/a2a/rpc", rest="/a2a/rest")
TOKEN_PATH = "/oauth/token"
SKILL = AgentSkill(
    id="climate-normals",
    name="Climate normals",
    description="Average temperatures and precipitation of a city in a month, from the WMO normals 1991-2020.",
    tags=["weather", "climate"],
    examples=["What is the weather in Tokyo in July?", "Compare Oslo and Rome in January"],
)


def application(chosen: settings.Settings, client: oauth.Client, token_seconds: int) -> Door:
    """The agent behind its door."""
    tokens = oauth.Tokens(client, token_seconds)
    description = "Answers from published climate normals for some forty cities."
    card = server.card(chosen, PATHS, "Weather", description, SKILL)
    flow = ClientCredentialsOAuthFlow(token_url=chosen.public_url + TOKEN_PATH, scopes={oauth.SCOPE: "ask for weather"})
    scheme = OAuth2SecurityScheme(flows=OAuthFlows(client_credentials=flow))
    card.security_schemes["oauth2"].CopyFrom(SecurityScheme(oauth2_security_scheme=scheme))
    card.security_requirements.append(SecurityRequirement(schemes={"oauth2": StringList(list=[oauth.SCOPE])}))
    routes = [
        Route(TOKEN_PATH, oauth.endpoint(tokens), methods=["POST"]),
        *server.a2a_routes(card, PATHS, Weather(chosen.pace)),
    ]
    challenge = f'Bearer realm="weather", scope="{oauth.SCOPE}"'
    return server.behind_door(routes, tokens.admits, challenge, frozenset({TOKEN_PATH, AGENT_CARD_WELL_KNOWN_PATH}))


def main() -> None:
    """Reads the settings and serves."""
    chosen = settings.parse("weather", default_port=9101)
    client = oauth.Client(settings.secret("WEATHER_CLIENT_ID"), settings.secret("WEATHER_CLIENT_SECRET"))
    server.serve(chosen, application(chosen, client, int(os.environ.get("WEATHER_TOKEN_SECONDS", "120"))))


if __name__ == "__main__":
    main()
