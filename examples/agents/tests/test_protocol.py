"""Both agents as A2A servers: doors, both bindings and versions, tasks that go on and tasks that are cancelled."""

import unittest
import uuid

import httpx
from calculator.__main__ import application as calculator
from common.settings import Settings
from weather import oauth
from weather.__main__ import application as weather

SETTINGS = Settings("127.0.0.1", 9100, "http://agent.test", pace=0.0)
CLIENT = oauth.Client("gateway", "secret")


def message(text: str, **more) -> dict:
    return {"messageId": str(uuid.uuid4()), "role": "ROLE_USER", "parts": [{"text": text}], **more}


class Protocol(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.weather = self.client(weather(SETTINGS, CLIENT, token_seconds=60), {})
        self.calculator = self.client(calculator(SETTINGS, "key"), {"X-API-Key": "key"})

    def client(self, app, headers: dict) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url="http://agent.test", headers={"A2A-Version": "1.0", **headers})
        self.addAsyncCleanup(client.aclose)
        return client

    async def signed_in(self) -> httpx.AsyncClient:
        form = {"grant_type": "client_credentials"}
        reply = await self.weather.post("/oauth/token", data=form, auth=("gateway", "secret"))
        self.weather.headers["Authorization"] = "Bearer " + reply.json()["access_token"]
        return self.weather

    async def rpc(self, client: httpx.AsyncClient, path: str, method: str, params: dict) -> dict:
        reply = await client.post(path, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self.assertEqual(reply.status_code, 200, reply.text)
        return reply.json()

    async def test_weather_is_shut_but_for_its_card_and_its_token_endpoint(self):
        self.assertEqual((await self.weather.get("/.well-known/agent-card.json")).status_code, 200)
        for path in ("/a2a/rpc", "/a2a/rest/message:send"):
            reply = await self.weather.post(path, json={})
            self.assertEqual(reply.status_code, 401)
            self.assertTrue(reply.headers["www-authenticate"].startswith("Bearer"))

    async def test_calculator_is_shut_card_and_all(self):
        self.assertEqual((await self.calculator.get("/.well-known/agent-card.json")).status_code, 200)
        self.calculator.headers["X-API-Key"] = "wrong"
        for path in ("/.well-known/agent-card.json", "/tasks"):
            self.assertEqual((await self.calculator.get(path)).status_code, 401)

    async def test_weather_asks_back_and_the_task_goes_on(self):
        client = await self.signed_in()
        first = await self.rpc(client, "/a2a/rpc", "SendMessage", {"message": message("How warm is it in July?")})
        task = first["result"]["task"]
        self.assertEqual(task["status"]["state"], "TASK_STATE_INPUT_REQUIRED")
        then = await self.rpc(client, "/a2a/rpc", "SendMessage", {"message": message("Tokyo", taskId=task["id"])})
        self.assertEqual(then["result"]["task"]["status"]["state"], "TASK_STATE_COMPLETED")
        self.assertIn("Tokyo in July", then["result"]["task"]["artifacts"][0]["parts"][0]["text"])

    async def test_an_open_task_can_be_cancelled_and_a_finished_one_cannot(self):
        client = await self.signed_in()
        first = await self.rpc(client, "/a2a/rpc", "SendMessage", {"message": message("weather?")})
        task = first["result"]["task"]["id"]
        reply = await client.post(f"/a2a/rest/tasks/{task}:cancel")
        self.assertEqual(reply.json()["status"]["state"], "TASK_STATE_CANCELED")
        self.assertEqual((await client.post(f"/a2a/rest/tasks/{task}:cancel")).status_code, 400)

    async def test_calculator_keeps_its_tasks(self):
        reply = await self.calculator.post("/message:send", json={"message": message("6 * 7")})
        task = reply.json()["task"]
        self.assertEqual((await self.calculator.get(f"/tasks/{task['id']}")).json()["id"], task["id"])
        self.assertIn(task["id"], (await self.calculator.get("/tasks")).text)

    async def test_both_speak_version_0_3(self):
        del self.calculator.headers["A2A-Version"]
        old = {"messageId": "m1", "role": "user", "parts": [{"kind": "text", "text": "6 * 7"}]}
        answer = await self.rpc(self.calculator, "/", "message/send", {"message": old})
        self.assertEqual(answer["result"]["status"]["state"], "completed")
        card = (await self.weather.get("/.well-known/agent-card.json")).json()
        self.assertEqual(card["url"], "http://agent.test/a2a/rpc")


if __name__ == "__main__":
    unittest.main()
