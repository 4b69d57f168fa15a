"""Runs Calculator: `python -m calculator`. Everything it serves, the card included, wants the key in `X-API-Key`."""

from a2a.types.a2a_pb2 import AgentSkill, APIKeySecurityScheme, SecurityRequirement, SecurityScheme, StringList
from common import doors, server, settings

from .agent import Calculator

HEADER = "X-API-Key"
PATHS = server.Paths(rpc="/", rest="")
SKILL = AgentSkill(
    id="arithmetic",
    name="Arithmetic",
    description="Evaluates arithmetic expressions exactly: + - * / // % **, brackets, sqrt, factorial, min, max, pi, e.",
    tags=["math", "calculator"],
    examples=["(2 + 3) * 7", "1/3 + 1/6; sqrt(2)"],
)


def application(chosen: settings.Settings, key: str) -> doors.Door:
    """The agent behind its door."""
    card = server.card(chosen, PATHS, "Calculator", "Evaluates arithmetic, and refuses what it cannot.", SKILL)
    scheme = APIKeySecurityScheme(location="header", name=HEADER)
    card.security_schemes["apiKey"].CopyFrom(SecurityScheme(api_key_security_scheme=scheme))
    card.security_requirements.append(SecurityRequirement(schemes={"apiKey": StringList()}))
    routes = server.a2a_routes(card, PATHS, Calculator(chosen.pace))
    return server.behind_door(routes, doors.api_key(HEADER, key), f'ApiKey realm="calculator", header="{HEADER}"')


def main() -> None:
    """Reads the settings and serves."""
    chosen = settings.parse("calculator", default_port=9102)
    server.serve(chosen, application(chosen, settings.secret("CALCULATOR_API_KEY")))


if __name__ == "__main__":
    main()
