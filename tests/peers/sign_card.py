"""Signs a card with a2a-sdk's own signer, as an agent would: reads the card from standard input, and prints the signed card, as the SDK
serves it, and the key set that verifies it, one JSON line each.

Usage: sign_card.py < card.json
"""

import json
import sys

from a2a.client.card_resolver import parse_agent_card
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.utils.signing import create_agent_card_signer
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm


def main() -> None:
    """Makes a key and signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    header = {"kid": "agent-1", "alg": "ES256", "jku": "https://agent.invalid/jwks.json", "typ": "JOSE"}
    card = create_agent_card_signer(key, header)(parse_agent_card(json.load(sys.stdin)))
    print(json.dumps(agent_card_to_dict(card)))
    jwk = ECAlgorithm(ECAlgorithm.SHA256).to_jwk(key.public_key(), as_dict=True)
    print(json.dumps({"keys": [{**jwk, "kid": "agent-1", "use": "sig", "alg": "ES256"}]}))


if __name__ == "__main__":
    main()
