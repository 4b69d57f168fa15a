"""An agent on fasta2a 2.1.1, an A2A server that shares no code with the official SDKs: JSON-RPC at /, names of v1.0 and older.

Usage: fasta2a_agent.py --port PORT
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Any

import uvicorn
from fasta2a import FastA2A, Worker
from fasta2a.broker import InMemoryBroker
from fasta2a.schema import Artifact, Message, Task, TaskIdParams, TaskSendParams
from fasta2a.storage import InMemoryStorage
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

HOST = "127.0.0.1"


class Storage(InMemoryStorage):
    """Tasks whose time says its zone: the library's own does not, and clients of protocol 1.0 refuse that."""

    async def submit_task(self, context_id: str, message: Message) -> Task:
        """A new task."""
        return _timed(await super().submit_task(context_id, message))

    async def update_task(self, *arguments: Any, **named: Any) -> Task:
        """A changed task."""
        return _timed(await super().update_task(*arguments, **named))


def _timed(task: Task) -> Task:
    task["status"]["timestamp"] = datetime.now(timezone.utc).isoformat()
    return task


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


async def refuse(_: Request, error: ValidationError) -> JSONResponse:
    """What the library cannot read is an exception of its own; a method that it does not have is one of these."""
    fault = error.errors(include_url=False)[0]
    code, said = (-32601, "Method not found") if fault["type"] == "union_tag_invalid" else (-32602, "Invalid params")
    given = fault["input"] if isinstance(fault["input"], dict) else {}
    return JSONResponse({"jsonrpc": "2.0", "id": given.get("id"), "error": {"code": code, "message": said}})


def agent(port: int) -> FastA2A:
    """The application with its worker."""
    broker, storage = InMemoryBroker(), Storage()
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
        exception_handlers={ValidationError: refuse},
        lifespan=lifespan,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(agent(given.port), host=HOST, port=given.port, log_level="warning", timeout_graceful_shutdown=1)
