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
    """Sends a change; sends it again, under the same key, if its answer does not come in time."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(3):
        try:
            return session.post(SIDECAR + PORTAL + "/password-changes", json=change, headers=key, timeout=35)
        except requests.Timeout:
            continue
    raise SystemExit("the sidecar does not answer")


first, second = (f"Python-Passw0rd-{secrets.token_hex(4)}" for _ in range(2))

answer = change_password({"user": ALICE, "new_password": first})
assert answer.status_code == 200, answer.text
print("changed:", answer.json()["effect"])

answer = change_password({"user": ALICE, "current_password": "not this one", "new_password": second})
problem = answer.json()
assert answer.status_code == 403, answer.text
print(f"refused: {problem['code']}, {problem['effect']}")

# The portal makes the next change, and its answer gets lost.
fault = {"match": {"provider": "identity"}, "action": {"when": "after-apply", "cut": {"at": "answer", "how": "fin"}}}
requests.post(SANDBOX + "/_sandbox/faults", json=fault, timeout=5).raise_for_status()
change = {"user": ALICE, "current_password": first, "new_password": second}
answer = change_password(change)
problem = answer.json()
assert answer.status_code == 409 and problem["effect"] == "unknown", answer.text
print("unknown:", problem["code"])

resolution = problem["resolution"]
answer = session.post(SIDECAR + resolution["href"], json=change | {"attempt": resolution["attempt"]}, timeout=35)
assert answer.status_code == 200 and answer.json()["resolution"] == "in_place", answer.text
print("settled:", answer.json()["resolution"])
