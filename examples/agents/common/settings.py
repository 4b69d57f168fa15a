"""The flags both agents take. Each has an environment variable of the same meaning; secrets come from the environment
alone, because a command line can be read by everyone on the machine."""

import argparse
import os
import sys
from dataclasses import dataclass

USAGE_ERROR = 64


@dataclass(frozen=True)
class Settings:
    """Where the agent listens, what it calls itself, and how long it takes over each piece of an answer (seconds)."""

    host: str
    port: int
    public_url: str
    pace: float


def parse(agent: str, default_port: int, arguments: list[str] | None = None) -> Settings:
    """Reads the command line and the environment; ends the process with a message if they make no sense."""
    parser = argparse.ArgumentParser(prog=f"python -m {agent}")
    flag = parser.add_argument
    flag("--host", default=os.environ.get("AGENT_HOST", "127.0.0.1"), help="address to listen on (AGENT_HOST)")
    flag("--port", type=int, default=os.environ.get("AGENT_PORT", default_port), help="port to listen on (AGENT_PORT)")
    flag(
        "--public-url",
        default=os.environ.get("AGENT_PUBLIC_URL"),
        help="base URL that the agent card names (AGENT_PUBLIC_URL; default: http://HOST:PORT)",
    )
    flag(
        "--pace",
        type=float,
        default=os.environ.get("AGENT_PACE", 0.0),
        help="seconds to take over each piece of an answer, to make streaming visible (AGENT_PACE; default 0)",
    )
    given = parser.parse_args(arguments)
    url = (given.public_url or f"http://{given.host}:{given.port}").rstrip("/")
    return Settings(given.host, given.port, url, given.pace)


def secret(name: str) -> str:
    """A secret from the environment; ends the process with a message if it is missing."""
    value = os.environ.get(name, "")
    if not value:
        print(f"{name} is not set: this agent does not start without it", file=sys.stderr)
        raise SystemExit(USAGE_ERROR)
    return value
