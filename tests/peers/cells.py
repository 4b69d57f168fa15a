"""One client against many agents: every operation in every binding, a JSON line for each. The two SDKs' clients fill in the calls
(`matrix_v1.py`, `matrix_v03.py`); what is done with them, in which order, and what counts as success is here.

Usage: matrix_….py BINDINGS NAME=URL…      (BINDINGS by commas; the token comes from A2A_TOKEN)
"""

import asyncio
import json
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

WEBHOOK = "https://client.example.com/hook"
UNKNOWN_TASK = "00000000-0000-0000-0000-000000000000"
# Why no client asks for an extended card that the card does not declare.
NO_EXTENDED_CARD = "the card declares no extended card"
# Patience with one operation, and pause between looks at a task that another process changes.
PATIENCE_SECONDS, LOOK_SECONDS = 10, 0.02


class Inexpressible(Exception):
    """The client has no way to say this."""


class Refused(Exception):
    """A stated error: an A2A or JSON-RPC code, or the status of HTTP or gRPC where the client shows no more."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Wrong(Exception):
    """An answer came, but not the one that was due."""


@dataclass
class Task:
    """A task as far as this matters: its state without prefix and in lower case (`completed`), the text of its artifacts."""

    id: str
    state: str
    text: str = ""


class Client(ABC):
    """The calls of one client in one binding. Each raises what `explain` turns into a refusal."""

    @abstractmethod
    async def send(self, text: str, *, wait: bool = True) -> Task: ...
    @abstractmethod
    def stream(self, text: str) -> AsyncIterator[Task]: ...
    @abstractmethod
    async def get(self, task: str) -> Task: ...
    @abstractmethod
    async def listed(self) -> list[str]: ...
    @abstractmethod
    async def cancel(self, task: str) -> Task: ...
    @abstractmethod
    def subscribe(self, task: str) -> AsyncIterator[Task]: ...
    @abstractmethod
    async def push_create(self, task: str, config: str, url: str) -> str: ...
    @abstractmethod
    async def push_get(self, task: str, config: str) -> str: ...
    @abstractmethod
    async def push_list(self, task: str) -> list[str]: ...
    @abstractmethod
    async def push_delete(self, task: str, config: str) -> None: ...
    @abstractmethod
    async def extended_skills(self) -> list[str]: ...


def require(holds: bool, what: str) -> None:
    """Raises `Wrong` when something does not hold."""
    if not holds:
        raise Wrong(what)


@dataclass
class Row:
    """One client, binding and agent; the task that is sent first serves the operations that follow."""

    client: Client
    task: str = UNKNOWN_TASK
    operations: dict[str, Callable[[], Awaitable[None]]] = field(init=False)

    def __post_init__(self) -> None:
        names = ("send", "stream", "get", "list", "cancel", "subscribe")
        push = ("push_create", "push_get", "push_list", "push_delete")
        self.operations = {name: getattr(self, name) for name in (*names, *push, "extended_card")}

    async def send(self) -> None:
        """An answer that is a task of ours, and in time a completed one."""
        task = await self.client.send("hello")
        self.task = task.id
        require(bool(task.id), "no task id")

    async def stream(self) -> None:
        """Work is seen, the text arrives whole, the end is the end."""
        seen = [task async for task in self.client.stream("hello")]
        states = [task.state for task in seen if task.state]
        require(len(seen) > 2 and "working" in states, f"not a stream: {states}")
        require(states[-1] == "completed", f"ended as {states[-1]}")
        require("You said: hello" in "".join(task.text for task in seen), "the text did not arrive")

    async def get(self) -> None:
        """The task that was sent, completed, with what it produced."""
        task = await self._reaches(self.task, "completed")
        require(task.id == self.task, "another task")
        require("You said: hello" in task.text, "no artifact")

    async def list(self) -> None:
        """The task is among those listed."""
        require(self.task in await self.client.listed(), "the task is not listed")

    async def cancel(self) -> None:
        """A task that waits for input is cancelled."""
        task = await self.client.send("ask")
        require((await self.client.cancel(task.id)).id == task.id, "another task")
        await self._reaches(task.id, "canceled")

    async def subscribe(self) -> None:
        """A second reader of a task at work sees it, and sees it cancelled."""
        task = await self.client.send("hold", wait=False)
        states: list[str] = []
        async for seen in self.client.subscribe(task.id):
            require(seen.id == task.id, "another task")
            states.append(seen.state)
            if len(states) == 1:
                await self.client.cancel(task.id)
        require(states[-1] == "canceled", f"saw {states}")

    async def push_create(self) -> None:
        """A webhook is set."""
        require(await self.client.push_create(self.task, "hook", WEBHOOK) == WEBHOOK, "another webhook")

    async def push_get(self) -> None:
        """It is there."""
        require(await self.client.push_get(self.task, "hook") == WEBHOOK, "another webhook")

    async def push_list(self) -> None:
        """It is listed."""
        require(WEBHOOK in await self.client.push_list(self.task), "not listed")

    async def push_delete(self) -> None:
        """It can be removed, and is gone."""
        await self.client.push_delete(self.task, "hook")
        try:
            await self.client.push_get(self.task, "hook")
        except Exception:  # It could be read before; that it cannot now is what is wanted, however the client says so.
            return
        raise Wrong("the webhook is still there")

    async def extended_card(self) -> None:
        """The card for those who are known has what the public one has not."""
        require("secret" in await self.client.extended_skills(), "no more than the public card")

    async def _reaches(self, task: str, state: str) -> Task:
        # Bounded by the patience with the whole operation.
        while (found := await self.client.get(task)).state != state:
            await asyncio.sleep(LOOK_SECONDS)
        return found


Explain = Callable[[BaseException], BaseException]


def outcome(error: BaseException | None, url: str) -> dict[str, object]:
    """What a cell says."""
    match error:
        case None:
            return {"outcome": "passed"}
        case Refused():
            return {"outcome": "refused", "code": error.code}
        case Inexpressible():
            return {"outcome": "inexpressible", "why": str(error)}
    why = str(error).replace(url, "…") or type(error).__name__
    why = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", why)
    return {"outcome": "failed", "why": " ".join(why.split())[:160]}


async def attempt(call: Callable[[], Awaitable[object]], explain: Explain) -> tuple[object, BaseException | None]:
    """What came of a call: a value or an error."""
    try:
        return await asyncio.wait_for(call(), PATIENCE_SECONDS), None
    except Exception as error:  # Whatever a client makes of an answer is what a cell tells.
        return None, explain(error)


async def fill(agents: dict[str, str], bindings: list[str], connect: Callable[[str, str], Awaitable[Client]], explain: Explain):
    """Every cell of this client: `connect` reads the card at a URL and makes the client for a binding."""
    for agent, url in agents.items():
        for binding in bindings:
            client, unreachable = await attempt(lambda: connect(url, binding), explain)
            row = Row(client)
            for operation, call in row.operations.items():
                error = unreachable or (await attempt(call, explain))[1]
                cell = {"binding": binding, "agent": agent, "operation": operation, **outcome(error, url)}
                print(json.dumps(cell, ensure_ascii=False), flush=True)


def main(connect: Callable[[str, str], Awaitable[Client]], explain: Explain) -> None:
    """Reads the arguments and fills the cells."""
    agents = dict(argument.split("=", 1) for argument in sys.argv[2:])
    asyncio.run(fill(agents, sys.argv[1].split(","), connect, explain))


def token() -> str:
    """The bearer token."""
    return os.environ["A2A_TOKEN"]
