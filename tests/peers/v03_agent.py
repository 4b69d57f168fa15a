"""An agent on a2a-sdk 0.3.26, the last of protocol 0.3: JSON-RPC at /rpc, HTTP+JSON below /rest, its words those of the v1.0 agents
(`hold`, `ask`, `refuse`; anything else is echoed).

Usage: v03_agent.py --port PORT
"""

import argparse
import asyncio

import httpx
import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.apps import A2ARESTFastAPIApplication, A2AStarletteApplication
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import (
    BasePushNotificationSender,
    InMemoryPushNotificationConfigStore,
    InMemoryTaskStore,
    TaskUpdater,
)
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part, TextPart
from a2a.utils import new_task
from fastapi import FastAPI

HOST = "127.0.0.1"
RPC, REST = "/rpc", "/rest"
# Longest that a held task stays at work when nobody cancels it, and how often it says that it is: protocol 0.3 shows a new
# subscriber nothing but what happens next.
HOLD_SECONDS, SAY_SECONDS = 60, 0.1


def text(said: str) -> list[Part]:
    """One text part."""
    return [Part(root=TextPart(text=said))]


class Echo(AgentExecutor):
    """Does what the first word says."""

    def __init__(self) -> None:
        self._held: dict[str, asyncio.Event] = {}

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """One task per conversation."""
        said = context.get_user_input()
        task = context.current_task or new_task(context.message)
        if context.current_task is None:
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        match said.split(maxsplit=1)[:1]:
            case ["ask"]:
                await updater.requires_input(updater.new_agent_message(text("What else?")), final=True)
            case ["refuse"]:
                await updater.reject(updater.new_agent_message(text("rejected")))
            case ["hold"]:
                await self._hold(updater)
            case _:
                await updater.start_work()
                await updater.add_artifact(text("You said: "), artifact_id="echo", append=False, last_chunk=False)
                await updater.add_artifact(text(said), artifact_id="echo", append=True, last_chunk=True)
                await updater.complete()

    async def _hold(self, task: TaskUpdater) -> None:
        """At work until cancelled. A cancellation is told here: what `cancel` tells reaches only the one who asked for it."""
        released = self._held[task.task_id] = asyncio.Event()
        try:
            for _ in range(int(HOLD_SECONDS / SAY_SECONDS)):
                await task.start_work()
                try:
                    await asyncio.wait_for(released.wait(), SAY_SECONDS)
                except asyncio.TimeoutError:
                    continue
                await task.cancel()
                return
            await task.complete()
        finally:
            del self._held[task.task_id]

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Cancels the task; the SDK has refused those that have ended."""
        if held := self._held.get(context.task_id):
            held.set()
            # The SDK ends `execute` when this returns: it speaks first.
            while context.task_id in self._held:
                await asyncio.sleep(0)
        else:
            await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def card(port: int) -> AgentCard:
    """The public card."""
    base = f"http://{HOST}:{port}"
    skill = AgentSkill(id="echo", name="Echo", description="Says it again.", tags=["test"], examples=["hello"])
    return AgentCard(
        name="Peer",
        description="An agent that does what it is told.",
        version="1.0.0",
        protocol_version="0.3.0",
        url=base + RPC,
        preferred_transport="JSONRPC",
        additional_interfaces=[
            AgentInterface(url=base + RPC, transport="JSONRPC"),
            AgentInterface(url=base + REST, transport="HTTP+JSON"),
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[skill],
        supports_authenticated_extended_card=True,
    )


def agent(port: int) -> FastAPI:
    """Both bindings in one application."""
    public = card(port)
    secret = AgentSkill(id="secret", name="Secret", description="For those who are known.", tags=["test"])
    extended = public.model_copy(update={"skills": [*public.skills, secret]})
    configs = InMemoryPushNotificationConfigStore()
    handler = DefaultRequestHandler(
        agent_executor=Echo(),
        task_store=InMemoryTaskStore(),
        push_config_store=configs,
        push_sender=BasePushNotificationSender(httpx.AsyncClient(), configs),
    )
    rest = A2ARESTFastAPIApplication(agent_card=public, http_handler=handler, extended_agent_card=extended)
    rpc = A2AStarletteApplication(agent_card=public, http_handler=handler, extended_agent_card=extended)
    app = rest.build(rpc_url=REST)
    rpc.add_routes_to_app(app, rpc_url=RPC)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(agent(given.port), host=HOST, port=given.port, log_level="warning", timeout_graceful_shutdown=1)
