"""An agent on a2a-sdk 1.3.0 that offers what its shape says and nothing else.

| shape | bindings | versions |
|---|---|---|
| jsonrpc | JSON-RPC at /rpc | 1.0 |
| http-json | HTTP+JSON below /rest | 1.0 |
| grpc | both of them, and gRPC | 1.0 |
| hybrid | JSON-RPC and HTTP+JSON | 1.0 and 0.3, in one card |

Usage: v1_agent.py --port PORT --shape SHAPE [--grpc-port PORT]       (on 127.0.0.1; PORT 0 is not taken)
"""

import argparse
import asyncio
from dataclasses import dataclass

import grpc
import httpx
import uvicorn
from a2a.server.request_handlers import DefaultRequestHandler, GrpcHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import BasePushNotificationSender, InMemoryPushNotificationConfigStore, InMemoryTaskStore
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from a2a.types.a2a_pb2_grpc import add_A2AServiceServicer_to_server
from starlette.applications import Starlette
from v1_behaviour import Behaviour

HOST = "127.0.0.1"
RPC, REST = "/rpc", "/rest"


@dataclass(frozen=True)
class Shape:
    """What an agent offers."""

    bindings: tuple[str, ...]
    versions: tuple[str, ...] = ("1.0",)


SHAPES = {
    "jsonrpc": Shape(("JSONRPC",)),
    "http-json": Shape(("HTTP+JSON",)),
    "grpc": Shape(("JSONRPC", "HTTP+JSON", "GRPC")),
    "hybrid": Shape(("JSONRPC", "HTTP+JSON"), ("1.0", "0.3")),
}


def card(shape: Shape, port: int, grpc_port: int) -> AgentCard:
    """The public card; v1.0 first, because order is preference."""
    urls = {
        "JSONRPC": f"http://{HOST}:{port}{RPC}",
        "HTTP+JSON": f"http://{HOST}:{port}{REST}",
        "GRPC": f"{HOST}:{grpc_port}",
    }
    skill = AgentSkill(id="echo", name="Echo", description="Says it again.", tags=["test"], examples=["hello"])
    return AgentCard(
        name="Peer",
        description="An agent that does what it is told.",
        version="1.0.0",
        supported_interfaces=[
            AgentInterface(url=urls[binding], protocol_binding=binding, protocol_version=version)
            for version in shape.versions
            for binding in shape.bindings
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=True, extended_agent_card=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[skill],
    )


def extended(public: AgentCard) -> AgentCard:
    """The card for those who are known: it has one skill more."""
    more = AgentCard()
    more.CopyFrom(public)
    more.skills.add(id="secret", name="Secret", description="For those who are known.", tags=["test"])
    return more


async def serve(shape: Shape, port: int, grpc_port: int) -> None:
    """Serves until SIGTERM."""
    public = card(shape, port, grpc_port)
    configs = InMemoryPushNotificationConfigStore()
    async with httpx.AsyncClient() as client:
        handler = DefaultRequestHandler(
            agent_executor=Behaviour(),
            task_store=InMemoryTaskStore(),
            agent_card=public,
            push_config_store=configs,
            push_sender=BasePushNotificationSender(client, configs),
            extended_agent_card=extended(public),
            validate_input_modes=True,
        )
        old = "0.3" in shape.versions
        # HTTP+JSON comes last: it has a catch-all for tenants.
        routes = create_agent_card_routes(public, cache_control="public, max-age=60")
        if "JSONRPC" in shape.bindings:
            routes += [
                *create_jsonrpc_routes(handler, rpc_url=RPC, enable_v0_3_compat=old),
                *create_jsonrpc_routes(handler, rpc_url=f"{RPC}/", enable_v0_3_compat=old),
            ]
        if "HTTP+JSON" in shape.bindings:
            routes += create_rest_routes(handler, path_prefix=REST, enable_v0_3_compat=old)
        if "GRPC" in shape.bindings:
            server = grpc.aio.server()
            add_A2AServiceServicer_to_server(GrpcHandler(handler), server)
            server.add_insecure_port(f"{HOST}:{grpc_port}")
            await server.start()
        config = uvicorn.Config(
            Starlette(routes=routes), host=HOST, port=port, log_level="warning", timeout_graceful_shutdown=1
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--grpc-port", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(serve(SHAPES[given.shape], given.port, given.grpc_port))
