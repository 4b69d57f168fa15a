"""An agent on fasta2a 2.1.1, an A2A server that shares no code with the official SDKs: JSON-RPC at /, names of v1.0 and older.

Usage: fasta2a_agent.py --port PORT
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fasta2a import FastA2A, Worker
from fasta2a.broker import InMemoryBroker
from fasta2a.schema import Artifact, Message, TaskIdParams, TaskSendParams
from fasta2a.storage import InMemoryStorage

HOST = "127.0.0.1"


class Echo(Worker):
    """Says it again; `hold` stays at work until cancelled, `ask` wants to hear more."""

    async def run_task(self, params: TaskSendParams) -> None:
        """Returns at once: fasta2a has one worker, so a task that is held may not occupy it."""
        said = " ".join(part["text"] for part in params["message"]["parts"] if "text" in part)
        task, context = params["id"], params["context_id"]
        await self.storage.update_task(task, "working")
        await self.publish_status(task, context, "working")
        if said.startswith("hold"):
            return
        if said.startswith("ask"):
            await self.storage.update_task(task, "input-required")
            return
        artifacts = self.build_artifacts(said)
        await self.publish_artifact(task, context, artifacts[0])
        await self.storage.update_task(task, "completed", new_artifacts=artifacts)

    async def cancel_task(self, params: TaskIdParams) -> None:
        """Cancels what is there to cancel."""
        if await self.storage.load_task(params["id"]):
            await self.storage.update_task(params["id"], "canceled")

    def build_message_history(self, history: list[Message]) -> list[Any]:
        """The history is of no interest to an echo."""
        return history

    def build_artifacts(self, result: str) -> list[Artifact]:
        """One artifact."""
        return [Artifact(artifact_id="echo", parts=[{"text": f"You said: {result}"}])]


def agent(port: int) -> FastA2A:
    """The application with its worker."""
    broker, storage = InMemoryBroker(), InMemoryStorage()
    worker = Echo(broker=broker, storage=storage)

    @asynccontextmanager
    async def lifespan(app: FastA2A) -> AsyncIterator[None]:
        async with app.task_manager, worker.run():
            yield

    skill = {"id": "echo", "name": "Echo", "description": "Says it again.", "tags": ["test"]}
    return FastA2A(
        storage=storage,
        broker=broker,
        name="Peer",
        description="An agent that does what it is told.",
        url=f"http://{HOST}:{port}/",
        skills=[{**skill, "input_modes": ["text/plain"], "output_modes": ["text/plain"]}],
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        lifespan=lifespan,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(agent(given.port), host=HOST, port=given.port, log_level="warning", timeout_graceful_shutdown=1)
