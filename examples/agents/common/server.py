"""Puts an agent together: A2A routes of both bindings and both versions, health, counters, the door, and the server."""

from collections.abc import Sequence
from dataclasses import dataclass

import uvicorn
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from .doors import Check, Door
from .settings import Settings

# Streams that are still open get this long on SIGTERM.
GRACE_SECONDS = 3


@dataclass(frozen=True)
class Paths:
    """Where the bindings live under the agent's base URL: JSON-RPC at `rpc` exactly, HTTP+JSON below `rest`."""

    rpc: str
    rest: str


def card(settings: Settings, paths: Paths, name: str, description: str, skill: AgentSkill) -> AgentCard:
    """The card, with both bindings at both protocol versions; v1.0 first, because order is preference."""
    interfaces = [
        AgentInterface(url=settings.public_url + path, protocol_binding=binding, protocol_version=version)
        for version in ("1.0", "0.3")
        for binding, path in (("JSONRPC", paths.rpc), ("HTTP+JSON", paths.rest))
    ]
    return AgentCard(
        name=name,
        description=description,
        version="1.0.0",
        supported_interfaces=interfaces,
        capabilities=AgentCapabilities(streaming=True, push_notifications=False),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain", "application/json"],
        skills=[skill],
    )


def a2a_routes(agent_card: AgentCard, paths: Paths, executor: AgentExecutor) -> list[BaseRoute]:
    """The card and both bindings, v0.3 included. Comes last in an application: HTTP+JSON has a catch-all for tenants."""
    handler = DefaultRequestHandler(
        agent_executor=executor, task_store=InMemoryTaskStore(), agent_card=agent_card, interrupted_task_timeout=600
    )
    return [
        *create_agent_card_routes(agent_card),
        *create_jsonrpc_routes(handler, rpc_url=paths.rpc, enable_v0_3_compat=True),
        *create_rest_routes(handler, path_prefix=paths.rest, enable_v0_3_compat=True),
    ]


def behind_door(
    routes: Sequence[BaseRoute], check: Check, challenge: str, open_paths: frozenset[str] = frozenset()
) -> Door:
    """The whole agent as one ASGI application."""
    app = Starlette(routes=[Route("/healthz", _healthz), Route("/metrics", lambda _: _metrics(door)), *routes])
    door = Door(app, check, challenge, open_paths)
    return door


def serve(settings: Settings, agent: Door) -> None:
    """Serves until SIGTERM or SIGINT."""
    uvicorn.run(
        agent,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


async def _healthz(_) -> PlainTextResponse:
    return PlainTextResponse("ok\n")


def _metrics(door: Door) -> PlainTextResponse:
    lines = [f'agent_requests_total{{outcome="{name}"}} {door.counts[name]}' for name in ("admitted", "open", "refused")]
    return PlainTextResponse("# TYPE agent_requests_total counter\n" + "\n".join(lines) + "\n")
