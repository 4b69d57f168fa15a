"""The a2a-sdk 0.3.26 client's cells of the matrix; see `cells.py`."""

import os
import re
from collections.abc import AsyncIterator

import grpc
import httpx
from a2a import types
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client import Client as SdkClient
from a2a.client.errors import A2AClientHTTPError, A2AClientJSONError, A2AClientJSONRPCError
from a2a.client.helpers import create_text_message_object
from a2a.utils import get_text_parts
from cells import NO_EXTENDED_CARD, Client, Inexpressible, Refused, Task, Wrong, main, token

PATIENCE_SECONDS = 10


def whole(task: types.Task) -> Task:
    """A task."""
    texts = [text for artifact in task.artifacts or [] for text in get_text_parts(artifact.parts)]
    return Task(task.id, task.status.state.value, "".join(texts))


def piece(answer: object) -> Task:
    """What an answer says of its task: the SDK hands over the task as it is by then, and what changed."""
    if isinstance(answer, types.Message):
        raise Wrong("a message, and no task")
    return whole(answer[0])


def with_token(details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
    """A gRPC call with the token; the SDK has no place for it."""
    return details._replace(metadata=[*(details.metadata or ()), ("authorization", f"Bearer {token()}")])


class UnaryToken(grpc.aio.UnaryUnaryClientInterceptor):
    """For calls with one answer."""

    async def intercept_unary_unary(self, continuation, client_call_details, request):
        """Adds the token."""
        return await continuation(with_token(client_call_details), request)


class StreamToken(grpc.aio.UnaryStreamClientInterceptor):
    """For calls with many answers."""

    async def intercept_unary_stream(self, continuation, client_call_details, request):
        """Adds the token."""
        return await continuation(with_token(client_call_details), request)


def channel(url: str) -> grpc.aio.Channel:
    """A channel whose calls carry the token."""
    options = [("grpc.default_authority", url)]
    return grpc.aio.insecure_channel(os.environ["A2A_GRPC"], options, interceptors=[UnaryToken(), StreamToken()])


class V03(Client):
    """The SDK's client: for unary sends that wait or do not, and for streams."""

    def __init__(self, card: types.AgentCard, waiting: SdkClient, polling: SdkClient, streaming: SdkClient) -> None:
        self._card, self._waiting, self._polling, self._streaming = card, waiting, polling, streaming

    async def send(self, text: str, *, wait: bool = True) -> Task:
        client = self._waiting if wait else self._polling
        return [piece(answer) async for answer in client.send_message(create_text_message_object(content=text))][0]

    async def stream(self, text: str) -> AsyncIterator[Task]:
        async for answer in self._streaming.send_message(create_text_message_object(content=text)):
            yield piece(answer)

    async def get(self, task: str) -> Task:
        return whole(await self._waiting.get_task(types.TaskQueryParams(id=task)))

    async def listed(self) -> list[str]:
        raise Inexpressible("the SDK has no such call")

    async def cancel(self, task: str) -> Task:
        return whole(await self._waiting.cancel_task(types.TaskIdParams(id=task)))

    async def subscribe(self, task: str) -> AsyncIterator[Task]:
        async for answer in self._streaming.resubscribe(types.TaskIdParams(id=task)):
            yield piece(answer)

    async def push_create(self, task: str, config: str, url: str) -> str:
        wanted = types.PushNotificationConfig(id=config, url=url)
        answer = await self._waiting.set_task_callback(
            types.TaskPushNotificationConfig(task_id=task, push_notification_config=wanted)
        )
        return answer.push_notification_config.url

    async def push_get(self, task: str, config: str) -> str:
        wanted = types.GetTaskPushNotificationConfigParams(id=task, push_notification_config_id=config)
        return (await self._waiting.get_task_callback(wanted)).push_notification_config.url

    async def push_list(self, task: str) -> list[str]:
        raise Inexpressible("the SDK has no such call")

    async def push_delete(self, task: str, config: str) -> None:
        raise Inexpressible("the SDK has no such call")

    async def extended_skills(self) -> list[str]:
        if not self._card.supports_authenticated_extended_card:
            # The SDK then gives the card that it has.
            raise Inexpressible(NO_EXTENDED_CARD)
        return [skill.id for skill in (await self._waiting.get_card()).skills]


async def connect(url: str, binding: str) -> V03:
    """Reads the card and takes the one binding from it."""
    http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token()}"}, timeout=PATIENCE_SECONDS)
    try:
        card = await A2ACardResolver(http, url).get_agent_card()
    except A2AClientJSONError as error:
        missing = re.findall(r'"type":"missing","loc":\["(\w+)"', str(error))
        raise Wrong(f"the client cannot read the card, which has no {', no '.join(missing)}") from error
    offered = {interface.transport for interface in card.additional_interfaces or []}
    if binding not in {card.preferred_transport or "JSONRPC", *offered}:
        raise Inexpressible(f"the card offers no {binding}")

    def client(*, streaming: bool, polling: bool) -> SdkClient:
        config = ClientConfig(
            httpx_client=http,
            supported_transports=[binding],
            streaming=streaming,
            polling=polling,
            grpc_channel_factory=channel,
        )
        return ClientFactory(config).create(card)

    waiting, polling = client(streaming=False, polling=False), client(streaming=False, polling=True)
    return V03(card, waiting, polling, client(streaming=True, polling=False))


def explain(error: BaseException) -> BaseException:
    """A code where the SDK shows one, the status of HTTP or gRPC where it shows no more."""
    match error:
        case A2AClientJSONRPCError():
            return Refused(error.error.code)
        case A2AClientHTTPError():
            return Refused(error.status_code)
        case grpc.aio.AioRpcError():
            return Refused(error.code().value[0])
    return error


if __name__ == "__main__":
    main(connect, explain)
