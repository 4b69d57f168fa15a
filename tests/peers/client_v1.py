"""An A2A 1.0 client that knows nothing of gateways: given a base URL and a token, it resolves the card, sends, streams
and reads the task back, and prints one JSON line per step. Ends with status 1 and an "error" line when the SDK raises.

Usage: client_v1.py BASE_URL MESSAGE [--binding JSONRPC|HTTP+JSON]      (the token comes from A2A_TOKEN)
"""

import argparse
import asyncio
import json
import os

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.helpers import get_artifact_text, get_stream_response_text, new_text_message
from a2a.types.a2a_pb2 import GetTaskRequest, Role, SendMessageRequest, StreamResponse, Task, TaskState


def say(step: str, **fields) -> None:
    """Prints one step."""
    print(json.dumps({"step": step, **fields}, ensure_ascii=False), flush=True)


def described(task: Task) -> dict:
    """What the tests look at in a task."""
    return {
        "taskId": task.id,
        "state": TaskState.Name(task.status.state),
        "text": " ".join(get_artifact_text(artifact, " ") for artifact in task.artifacts),
    }


def request(text: str) -> SendMessageRequest:
    """A message from the user."""
    return SendMessageRequest(message=new_text_message(text, role=Role.ROLE_USER))


async def first(events) -> StreamResponse:
    """The one answer to a message that is not streamed."""
    return [event async for event in events][0]


async def talk(http: httpx.AsyncClient, base_url: str, text: str, binding: str) -> None:
    """The whole conversation."""
    card = await A2ACardResolver(http, base_url).get_agent_card()
    interfaces = [[i.protocol_binding, i.protocol_version, i.url] for i in card.supported_interfaces]
    say("card", name=card.name, interfaces=interfaces, schemes=sorted(card.security_schemes))

    def client(streaming: bool):
        config = ClientConfig(httpx_client=http, supported_protocol_bindings=[binding], streaming=streaming)
        return ClientFactory(config).create(card)

    answer = await first(client(streaming=False).send_message(request(text)))
    say("send", kind=answer.WhichOneof("payload"), **described(answer.task))

    events = [event async for event in client(streaming=True).send_message(request(text))]
    kinds = [event.WhichOneof("payload") for event in events]
    say("stream", events=kinds, text=" ".join(filter(None, map(get_stream_response_text, events))))

    task = await client(streaming=False).get_task(GetTaskRequest(id=answer.task.id))
    say("task", **described(task))


async def main() -> None:
    """Reads the arguments, talks, and turns an exception into a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("message")
    parser.add_argument("--binding", default="JSONRPC", choices=["JSONRPC", "HTTP+JSON"])
    given = parser.parse_args()
    headers = {"Authorization": f"Bearer {os.environ['A2A_TOKEN']}"} if os.environ.get("A2A_TOKEN") else {}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        try:
            await talk(http, given.base_url, given.message, given.binding)
        except Exception as error:  # Whatever the SDK makes of a refusal is what the test wants to see.
            say("error", type=type(error).__name__, message=str(error))
            raise SystemExit(1) from None


if __name__ == "__main__":
    asyncio.run(main())
