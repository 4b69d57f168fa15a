"""An A2A 0.3 client that knows nothing of gateways: given a base URL and a token, it resolves the card, sends, streams
and reads the task back, and prints one JSON line per step. Ends with status 1 and an "error" line when the SDK raises.

Usage: client_v03.py BASE_URL MESSAGE [--binding JSONRPC|HTTP+JSON]      (the token comes from A2A_TOKEN)
"""

import argparse
import asyncio
import json
import os

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.helpers import create_text_message_object
from a2a.types import Task, TaskQueryParams
from a2a.utils import get_text_parts


def say(step: str, **fields) -> None:
    """Prints one step."""
    print(json.dumps({"step": step, **fields}, ensure_ascii=False), flush=True)


def described(task: Task) -> dict:
    """What the tests look at in a task."""
    texts = [text for artifact in task.artifacts or [] for text in get_text_parts(artifact.parts)]
    return {"taskId": task.id, "state": task.status.state.value, "text": " ".join(texts)}


async def talk(http: httpx.AsyncClient, base_url: str, text: str, binding: str) -> None:
    """The whole conversation."""
    card = await A2ACardResolver(http, base_url).get_agent_card()
    additional = [[str(i.transport), i.url] for i in card.additional_interfaces or []]
    say(
        "card",
        name=card.name,
        interfaces=[[str(card.preferred_transport), card.url], *additional],
        schemes=sorted(card.security_schemes or {}),
    )

    def client(streaming: bool):
        config = ClientConfig(httpx_client=http, supported_transports=[binding], streaming=streaming)
        return ClientFactory(config).create(card)

    answers = [answer async for answer in client(streaming=False).send_message(create_text_message_object(content=text))]
    task, _ = answers[0]
    say("send", kind=task.kind, **described(task))

    events = [event async for event in client(streaming=True).send_message(create_text_message_object(content=text))]
    kinds = [update.kind if update else task.kind for task, update in events]
    say("stream", events=kinds, text=described(events[-1][0])["text"])

    say("task", **described(await client(streaming=False).get_task(TaskQueryParams(id=task.id))))


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
