"""What the a2a-sdk 1.3.0 agents do, by what they are told.

The first word of a message chooses (`hold`, `ask`, …; anything else is echoed). A `messageId` that begins with one of the
prefixes of a2a-tck chooses before that, so that the same agent is the system under test of the official suite.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

from a2a.helpers import new_data_part, new_message, new_raw_part, new_task_from_user_message, new_text_part, new_url_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types.a2a_pb2 import Part, Role

# Longest that a held task stays at work when nobody cancels it.
HOLD_SECONDS = 60
# a2a-tck subscribes to a task that is at work for twice its streaming timeout.
TCK_HOLD_SECONDS = 2 * float(os.environ.get("TCK_STREAMING_TIMEOUT", "2"))

Scenario = Callable[[TaskUpdater, str], Awaitable[None]]


def finish(text: str) -> Scenario:
    """Completes at once, with a message."""

    async def scenario(task: TaskUpdater, _: str) -> None:
        await task.complete(task.new_agent_message([new_text_part(text)]))

    return scenario


def produce(part: Callable[[], Part], *, working: bool = False) -> Scenario:
    """One artifact of one part, then completion; `working` says so first."""

    async def scenario(task: TaskUpdater, _: str) -> None:
        if working:
            await task.start_work()
        await task.add_artifact([part()])
        await task.complete()

    return scenario


def text(said: str) -> Callable[[], Part]:
    """A text part."""
    return lambda: new_text_part(said)


def file() -> Part:
    """A small file, inline."""
    return new_raw_part(b"File content", media_type="text/plain", filename="output.txt")


def link() -> Part:
    """The same file, elsewhere."""
    return new_url_part("https://example.com/output.txt", media_type="text/plain", filename="output.txt")


async def echo(task: TaskUpdater, said: str) -> None:
    """Works, says the message again in two chunks of one artifact, completes."""
    await task.start_work()
    await task.add_artifact([new_text_part("You said: ")], artifact_id="echo", append=False, last_chunk=False)
    await task.add_artifact([new_text_part(said)], artifact_id="echo", append=True, last_chunk=True)
    await task.complete()


async def ask(task: TaskUpdater, _: str) -> None:
    """Wants to hear more."""
    await task.requires_input(task.new_agent_message([new_text_part("What else?")]))


async def refuse(task: TaskUpdater, _: str) -> None:
    """Rejects the task."""
    await task.reject(task.new_agent_message([new_text_part("rejected")]))


async def only_complete(task: TaskUpdater, _: str) -> None:
    """Completes without a word."""
    await task.complete()


async def chunks(task: TaskUpdater, _: str) -> None:
    """One artifact in two pieces."""
    await task.start_work()
    await task.add_artifact([new_text_part("chunk-1 ")], artifact_id="chunks", append=False, last_chunk=False)
    await task.add_artifact([new_text_part("chunk-2")], artifact_id="chunks", append=True, last_chunk=True)
    await task.complete()


def hold(seconds: float) -> Scenario:
    """At work until cancelled, or until `seconds` have passed."""

    async def scenario(task: TaskUpdater, _: str) -> None:
        await task.start_work()
        await asyncio.sleep(seconds)
        await task.complete()

    return scenario


# By the first word of the message.
WORDS: dict[str, Scenario] = {"ask": ask, "hold": hold(HOLD_SECONDS), "refuse": refuse}

# By prefix of the message's id, as a2a-tck's scenarios say. The first that fits counts: longer ones come first.
PREFIXES: dict[str, Scenario] = {
    "tck-complete-task": finish("Hello from TCK"),
    "tck-artifact-text": produce(text("Generated text content")),
    "tck-artifact-file-url": produce(link),
    "tck-artifact-file": produce(file),
    "tck-artifact-data": produce(lambda: new_data_part({"key": "value", "count": 42})),
    "tck-input-required": ask,
    "tck-reject-task": refuse,
    "tck-stream-001": produce(text("Stream hello from TCK"), working=True),
    "tck-stream-002": only_complete,
    "tck-stream-003": produce(text("Stream task lifecycle"), working=True),
    "tck-stream-ordering-001": produce(text("Ordered output"), working=True),
    "tck-stream-artifact-text": produce(text("Streamed text content"), working=True),
    "tck-stream-artifact-file": produce(file, working=True),
    "tck-stream-artifact-chunked": chunks,
    "test-resubscribe-message-id": hold(TCK_HOLD_SECONDS),
}

# Answered with a message, and no task.
DIRECT = "tck-message-response"


def scenario_for(message_id: str, said: str) -> Scenario:
    """What to do about a message."""
    by_prefix = (scenario for prefix, scenario in PREFIXES.items() if message_id.startswith(prefix))
    word = said.split(maxsplit=1)[0] if said.strip() else ""
    return next(by_prefix, WORDS.get(word, echo))


class Behaviour(AgentExecutor):
    """Plays the scenario that the message chooses."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """The task itself is published before anything about it, as the SDK demands."""
        message_id, said = context.message.message_id, context.get_user_input()
        if message_id.startswith(DIRECT) or said.startswith("direct"):
            answer = new_message([new_text_part("Direct message response")], role=Role.ROLE_AGENT)
            await event_queue.enqueue_event(answer)
            return
        if context.current_task is None:
            task = new_task_from_user_message(context.message)
            # The SDK has chosen the ids already.
            task.id, task.context_id = context.task_id, context.context_id
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        await scenario_for(message_id, said)(updater, said)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Cancels the task; the SDK has refused those that have ended."""
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()
