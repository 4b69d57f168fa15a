"""The a2a-sdk 1.3.0 client's cells of the matrix; see `cells.py`."""

import os
from collections.abc import AsyncIterator

import grpc
import httpx
from a2a.client import A2ACardResolver, ClientCallContext, ClientConfig, ClientFactory
from a2a.client import Client as SdkClient
from a2a.helpers import get_artifact_text, new_text_message
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP
from cells import NO_EXTENDED_CARD, Client, Inexpressible, Refused, Task, Wrong, main, token

PATIENCE_SECONDS = 10


def state(status: pb.TaskStatus) -> str:
    """`TASK_STATE_COMPLETED` as `completed`."""
    return pb.TaskState.Name(status.state).removeprefix("TASK_STATE_").lower()


def whole(task: pb.Task) -> Task:
    """A task."""
    return Task(task.id, state(task.status), "".join(get_artifact_text(artifact, "") for artifact in task.artifacts))


def piece(event: pb.StreamResponse) -> Task:
    """What an event says of its task."""
    match event.WhichOneof("payload"):
        case "task":
            return whole(event.task)
        case "status_update":
            return Task(event.status_update.task_id, state(event.status_update.status))
        case "artifact_update":
            return Task(event.artifact_update.task_id, "", get_artifact_text(event.artifact_update.artifact, ""))
        case kind:
            raise Wrong(f"a {kind}, and no task")


class V1(Client):
    """The SDK's client, once for unary sends and once for streams."""

    def __init__(self, card: pb.AgentCard, unary: SdkClient, streaming: SdkClient) -> None:
        self._card, self._unary, self._streaming = card, unary, streaming
        # A header in HTTP, metadata in gRPC.
        self._context = ClientCallContext(
            timeout=PATIENCE_SECONDS, service_parameters={"authorization": f"Bearer {token()}"}
        )

    def _request(self, text: str, *, wait: bool) -> pb.SendMessageRequest:
        configuration = pb.SendMessageConfiguration(return_immediately=not wait)
        return pb.SendMessageRequest(
            message=new_text_message(text, role=pb.Role.ROLE_USER), configuration=configuration
        )

    async def send(self, text: str, *, wait: bool = True) -> Task:
        answers = self._unary.send_message(self._request(text, wait=wait), context=self._context)
        return [piece(answer) async for answer in answers][0]

    async def stream(self, text: str) -> AsyncIterator[Task]:
        async for event in self._streaming.send_message(self._request(text, wait=True), context=self._context):
            yield piece(event)

    async def get(self, task: str) -> Task:
        return whole(await self._unary.get_task(pb.GetTaskRequest(id=task), context=self._context))

    async def listed(self) -> list[str]:
        answer = await self._unary.list_tasks(pb.ListTasksRequest(page_size=100), context=self._context)
        return [task.id for task in answer.tasks]

    async def cancel(self, task: str) -> Task:
        return whole(await self._unary.cancel_task(pb.CancelTaskRequest(id=task), context=self._context))

    async def subscribe(self, task: str) -> AsyncIterator[Task]:
        async for event in self._streaming.subscribe(pb.SubscribeToTaskRequest(id=task), context=self._context):
            yield piece(event)

    async def push_create(self, task: str, config: str, url: str) -> str:
        wanted = pb.TaskPushNotificationConfig(task_id=task, id=config, url=url)
        return (await self._unary.create_task_push_notification_config(wanted, context=self._context)).url

    async def push_get(self, task: str, config: str) -> str:
        wanted = pb.GetTaskPushNotificationConfigRequest(task_id=task, id=config)
        return (await self._unary.get_task_push_notification_config(wanted, context=self._context)).url

    async def push_list(self, task: str) -> list[str]:
        wanted = pb.ListTaskPushNotificationConfigsRequest(task_id=task)
        answer = await self._unary.list_task_push_notification_configs(wanted, context=self._context)
        return [config.url for config in answer.configs]

    async def push_delete(self, task: str, config: str) -> None:
        wanted = pb.DeleteTaskPushNotificationConfigRequest(task_id=task, id=config)
        await self._unary.delete_task_push_notification_config(wanted, context=self._context)

    async def extended_skills(self) -> list[str]:
        if not self._card.capabilities.extended_agent_card:
            # The SDK then gives the card that it has.
            raise Inexpressible(NO_EXTENDED_CARD)
        card = await self._unary.get_extended_agent_card(pb.GetExtendedAgentCardRequest(), context=self._context)
        return [skill.id for skill in card.skills]


def channel(url: str) -> grpc.aio.Channel:
    """A channel to the gateway that asks for the host of the card."""
    return grpc.aio.insecure_channel(os.environ["A2A_GRPC"], [("grpc.default_authority", url)])


async def connect(url: str, binding: str) -> V1:
    """Reads the card and takes the one binding from it."""
    http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token()}"}, timeout=PATIENCE_SECONDS)
    card = await A2ACardResolver(http, url).get_agent_card()
    if binding not in {interface.protocol_binding for interface in card.supported_interfaces}:
        raise Inexpressible(f"the card offers no {binding}")

    def client(*, streaming: bool) -> SdkClient:
        config = ClientConfig(
            httpx_client=http,
            supported_protocol_bindings=[binding],
            streaming=streaming,
            grpc_channel_factory=channel,
        )
        return ClientFactory(config).create(card)

    return V1(card, client(streaming=False), client(streaming=True))


def explain(error: BaseException) -> BaseException:
    """The SDK's errors have the class of what was stated. What its v0.3 transports cannot do, it says before it sends."""
    if isinstance(error, NotImplementedError):
        return Inexpressible(str(error))
    code = JSON_RPC_ERROR_CODE_MAP.get(type(error))
    return error if code is None else Refused(code)


if __name__ == "__main__":
    main(connect, explain)
