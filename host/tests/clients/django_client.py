"""A client as it was written for the old Django service: paths, fields and answers of then.

Usage: python3 django_client.py http://127.0.0.1:8080

Only the standard library. Ends with status 1 and the reason when an answer is not as it was.
"""

import datetime
import json
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request


class Client:
    def __init__(self, base_url):
        self.base_url = base_url.rstrip("/")
        self.access = None
        # No proxies from the environment: the service is local.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method, path, body=None, headers=None):
        """Returns (status, parsed answer)."""
        url = path if path.startswith("http") else self.base_url + path
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.access:
            request.add_header("Authorization", "Bearer " + self.access)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def ok(self, method, path, body=None, headers=None, status=200):
        got, answer = self.call(method, path, body, headers)
        assert got == status, f"{method} {path}: {got} instead of {status}: {answer}"
        return answer


def moment(text):
    """An ISO 8601 time, which must have a zone."""
    parsed = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert parsed.tzinfo is not None, text
    return parsed


def check_event(event, source, payload):
    assert event["source"] == source, event
    assert event["payload"] == payload, event
    assert event["status"] in ("pending", "processing", "processed", "failed"), event
    moment(event["received_at"])
    if event["processed_at"] is not None:
        moment(event["processed_at"])
    assert "error_message" in event, event


def register(client, username, password):
    form = {
        "username": username,
        "email": username + "@example.org",
        "password": password,
        "password2": password,
        "first_name": "Ada",
        "last_name": "Lovelace",
    }
    user = client.ok("POST", "/api/auth/register/", form, status=201)
    assert user["username"] == username and user["email"] == form["email"], user
    assert user["first_name"] == "Ada" and user["last_name"] == "Lovelace" and user["id"], user
    assert "password" not in user, user

    taken = client.ok("POST", "/api/auth/register/", form, status=400)
    assert isinstance(taken["username"], list) and taken["detail"], taken
    weak = dict(form, username=username + "2", password="12345678", password2="12345678")
    assert client.ok("POST", "/api/auth/register/", weak, status=400)["password"]
    differing = dict(form, username=username + "3", password2=password + "x")
    assert client.ok("POST", "/api/auth/register/", differing, status=400)["password"]
    return user


def sign_in(client, username, password):
    wrong = {"username": username, "password": password + "x"}
    assert client.ok("POST", "/api/auth/token/", wrong, status=401)["detail"]
    tokens = client.ok("POST", "/api/auth/token/", {"username": username, "password": password})
    assert set(tokens) == {"access", "refresh"}, tokens
    return tokens


def send_webhooks(client):
    """Returns the ids of the events sent, oldest first."""
    payload = {"order": 17, "items": [{"name": "Müsli", "price": 4.5}], "note": None}
    sent = [
        client.ok("POST", "/api/webhooks/receive/", payload),
        client.ok("POST", "/api/webhooks/receive/", {"source": "shop", "payload": payload}),
        client.ok("POST", "/api/webhooks/receive/?source=query", payload),
        client.ok("POST", "/api/webhooks/receive/", [1, "two"], {"X-Webhook-Source": "header"}),
    ]
    for answer in sent:
        assert answer["id"] and answer["status"] and answer["message"], answer
    ids = [answer["id"] for answer in sent]
    expected = [("unknown", payload), ("shop", payload), ("query", payload), ("header", [1, "two"])]
    for event_id, (source, body) in zip(ids, expected):
        check_event(client.ok("GET", f"/api/webhooks/{event_id}/"), source, body)
    return ids


def list_webhooks(client, ids):
    page = client.ok("GET", "/api/webhooks/list/")
    assert set(page) == {"count", "next", "previous", "results"}, page
    assert page["count"] == len(ids), page
    assert [event["id"] for event in page["results"]] == ids[::-1], "newest first"

    seen, url = [], "/api/webhooks/list/?page=1&page_size=3"
    while url:
        page = client.ok("GET", url)
        seen += [event["id"] for event in page["results"]]
        url = page["next"]
    assert seen == ids[::-1], seen

    shop = client.ok("GET", "/api/webhooks/list/?source=shop")
    assert [event["source"] for event in shop["results"]] == ["shop"], shop
    for status in ("pending", "processing", "processed", "failed"):
        found = client.ok("GET", "/api/webhooks/list/?status=" + status)
        assert all(event["status"] == status for event in found["results"]), found


def refusals(client):
    assert client.ok("GET", "/api/webhooks/00000000-0000-0000-0000-000000000000/", status=404)["detail"]
    access, client.access = client.access, None
    for method, path in (
        ("GET", "/api/auth/profile/"),
        ("GET", "/api/webhooks/list/"),
        ("POST", "/api/webhooks/receive/"),
    ):
        assert client.ok(method, path, {} if method == "POST" else None, status=401)["detail"]
    client.access = access
    request = urllib.request.Request(client.base_url + "/api/webhooks/receive/", data=b'{"a":')
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Bearer " + access)
    try:
        client.opener.open(request, timeout=30)
        raise AssertionError("bad JSON was taken")
    except urllib.error.HTTPError as error:
        assert error.code == 400 and json.load(error)["detail"], error


def refresh(client, tokens):
    renewed = client.ok("POST", "/api/auth/token/refresh/", {"refresh": tokens["refresh"]})
    client.access = renewed["access"]
    assert client.ok("POST", "/api/auth/token/refresh/", {"refresh": "nonsense"}, status=401)["detail"]


def profile(client, user):
    mine = client.ok("GET", "/api/auth/profile/")
    for field in ("id", "username", "email", "first_name", "last_name"):
        assert mine[field] == user[field], mine
    moment(mine["date_joined"])


def main(base_url):
    client = Client(base_url)
    username, password = "client-" + secrets.token_hex(6), secrets.token_urlsafe(16)
    user = register(client, username, password)
    tokens = sign_in(client, username, password)
    client.access = tokens["access"]
    ids = send_webhooks(client)
    list_webhooks(client, ids)
    refusals(client)
    refresh(client, tokens)
    profile(client, user)
    print("the old client works: register, token, receive, list, detail, refresh, profile")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
