"""Turns an answer into A2A events: the task first, then "working", one artifact in pieces, then how it ended."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from a2a.helpers import get_message_text, new_data_part, new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types.a2a_pb2 import Message, Role, TaskState

WORKING = TaskState.TASK_STATE_WORKING
COMPLETED = TaskState.TASK_STATE_COMPLETED
REJECTED = TaskState.TASK_STATE_REJECTED
INPUT_REQUIRED = TaskState.TASK_STATE_INPUT_REQUIRED


@dataclass(frozen=True)
class Piece:
    """A piece of an answer: text for people, and the same as data where programs may want it."""

    artifact: str
    text: str
    data: Any = None


@dataclass(frozen=True)
class Said:
    """The task's new state, and the sentence that goes with it."""

    state: TaskState
    text: str


class Answering(AgentExecutor):
    """An agent that answers from what it knows. Subclasses say what; this says it in A2A."""

    def __init__(self, pace: float) -> None:
        self._pace = pace

    @abstractmethod
    def answer(self, said: list[str]) -> Iterator[Piece | Said]:
        """The answer to a conversation, given all that the user said in it, oldest first."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Runs one turn of a task."""
        if context.current_task is None:
            # The task comes first: the SDK accepts no other event before it.
            await event_queue.enqueue_event(_new_task(context))
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        started: set[str] = set()
        for event in self.answer(_user_texts(context)):
            await asyncio.sleep(self._pace)
            match event:
                case Said(state, text):
                    await updater.update_status(state, updater.new_agent_message([new_text_part(text)]))
                case Piece(artifact, text, data):
                    parts = [new_text_part(text)] + ([] if data is None else [new_data_part(data)])
                    await updater.add_artifact(
                        parts, artifact_id=artifact, name=artifact, append=artifact in started, last_chunk=data is not None
                    )
                    started.add(artifact)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Ends a task that is still open."""
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def _new_task(context: RequestContext):
    message = Message()
    message.CopyFrom(context.message)
    message.task_id, message.context_id = context.task_id, context.context_id
    return new_task_from_user_message(message)


def _user_texts(context: RequestContext) -> list[str]:
    earlier = context.current_task.history if context.current_task else []
    messages = [message for message in earlier if message.role == Role.ROLE_USER]
    if context.message.message_id not in {message.message_id for message in messages}:
        messages.append(context.message)
    return [get_message_text(message) for message in messages]
