"""Python with requests: a change, a wrong password, an unknown outcome and its resolution."""

import os
import secrets
import uuid

import requests

SIDECAR = os.environ.get("SIDECAR", "http://127.0.0.1:8788")
SANDBOX = os.environ.get("SANDBOX", "http://127.0.0.1:8787")
PORTAL = "/v1/providers/portal"
ALICE = "a11ce000-0000-4000-8000-000000000001"

session = requests.Session()


def change_password(change):
    """Sends a change; on a timeout, retries it with the same key."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(3):
        try:
            return session.post(SIDECAR + PORTAL + "/password-changes", json=change, headers=key, timeout=35)
        except requests.Timeout:
            continue
    raise SystemExit("the sidecar did not respond")


first, second = (f"Python-Passw0rd-{secrets.token_hex(4)}" for _ in range(2))

response = change_password({"user": ALICE, "new_password": first})
assert response.status_code == 200, response.text
print("changed:", response.json()["effect"])

response = change_password({"user": ALICE, "current_password": "not this one", "new_password": second})
problem = response.json()
assert response.status_code == 403, response.text
print(f"refused: {problem['code']}, {problem['effect']}")

# The portal applies the next change, but its response is lost.
fault = {"match": {"provider": "identity"}, "action": {"when": "after-apply", "cut": {"at": "answer", "how": "fin"}}}
requests.post(SANDBOX + "/_sandbox/faults", json=fault, timeout=5).raise_for_status()
change = {"user": ALICE, "current_password": first, "new_password": second}
response = change_password(change)
problem = response.json()
assert response.status_code == 409 and problem["effect"] == "unknown", response.text
print("unknown:", problem["code"])

resolution = problem["resolution"]
response = session.post(SIDECAR + resolution["href"], json=change | {"attempt": resolution["attempt"]}, timeout=35)
assert response.status_code == 200 and response.json()["resolution"] == "in_place", response.text
print("settled:", response.json()["resolution"])
