"""Verifies an agent's card with a2a-sdk's own verifier, as a client would that trusts the gateway's keys: the card is resolved by the SDK,
its keys are fetched from the place that each signature names, which must be below the base URL's origin. Then the same card with one
character changed is verified again. Prints one JSON line per step: "verified" and "refused" are as it should be, "error" is not.

Usage: verify_card.py BASE_URL      (the token comes from A2A_TOKEN)
"""

import argparse
import asyncio
import copy
import json
import os
from urllib.parse import urlsplit

import httpx
from a2a.client import A2ACardResolver
from a2a.client.card_resolver import parse_agent_card
from a2a.utils.signing import InvalidSignaturesError, create_signature_verifier
from jwt.api_jwk import PyJWK


def say(step: str, **fields) -> None:
    """Prints one step."""
    print(json.dumps({"step": step, **fields}, ensure_ascii=False), flush=True)


def verifier(base_url: str, used: list):
    """The SDK's verifier; notes which keys it asked for."""
    origin = "://".join(urlsplit(base_url)[:2])

    def key(kid: str | None, jku: str | None) -> PyJWK:
        assert jku is not None and jku.startswith(f"{origin}/"), jku
        used.append(kid)
        keys = httpx.get(jku).raise_for_status().json()["keys"]
        return next(PyJWK.from_dict(jwk) for jwk in keys if jwk["kid"] == kid)

    return create_signature_verifier(key, ["ES256"])


async def main() -> None:
    """Reads the arguments, verifies, and turns an exception into a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    given = parser.parse_args()
    headers = {"Authorization": f"Bearer {os.environ['A2A_TOKEN']}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        try:
            used: list = []
            verify = verifier(given.base_url, used)
            card = await A2ACardResolver(http, given.base_url).get_agent_card(signature_verifier=verify)
            say("verified", name=card.name, kid=used[-1], signatures=len(card.signatures))
            document = (await http.get(f"{given.base_url}/.well-known/agent-card.json")).raise_for_status().json()
            for field in ("name", "version"):
                changed = copy.deepcopy(document)
                changed[field] += "!"
                try:
                    verify(parse_agent_card(changed))
                    say("error", message=f"{field} was changed, and the card still verifies")
                    raise SystemExit(1)
                except InvalidSignaturesError:
                    say("refused", field=field)
        except Exception as error:  # Whatever the SDK makes of it is what the test wants to see.
            say("error", type=type(error).__name__, message=str(error))
            raise SystemExit(1) from None


if __name__ == "__main__":
    asyncio.run(main())
