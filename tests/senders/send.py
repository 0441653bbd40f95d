"""Has the vendors' own libraries sign requests, and posts them to a running host.

python send.py FILE, with a JSON file {"url", "secrets": {SOURCE: secret or private key}}. Each request must be taken,
and refused for the right reason when it is signed with another secret, by another algorithm or too long ago, when its
body or its signature is altered, and when a header that proves it is missing.
"""

import base64
import contextlib
import dataclasses
import datetime
import hashlib
import json
import sys
import time
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request

import http_message_signatures as hms
import requests
import stripe
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook
from twilio.request_validator import RequestValidator

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# Seconds. A signature counts for 300.
TOO_OLD = 360


@dataclasses.dataclass
class Ask:
    """How a request is to be signed."""

    base: str
    secret: str
    at: int
    by_another_algorithm: bool = False

    def hash(self, name):
        """Within, the library that knows its hash by this name has another one."""
        if self.by_another_algorithm:
            return unittest.mock.patch(name, hashlib.sha512)
        return contextlib.nullcontext()

    def moment(self):
        return datetime.datetime.fromtimestamp(self.at, datetime.timezone.utc)


@dataclasses.dataclass
class Request:
    """What is posted: below which source, with which headers, body and query, and how many events it brings."""

    source: str
    headers: dict
    body: "str | bytes"
    query: str = ""
    events: int = 1

    def post(self, base):
        body = self.body if isinstance(self.body, bytes) else self.body.encode()
        request = urllib.request.Request(address(base, self.source) + self.query, body, self.headers, method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def address(base, source):
    return f"{base}/api/webhooks/receive/{source}/"


def by_stripe(ask):
    body = json.dumps({"id": "evt_python", "type": "charge.succeeded", "object": "event"})
    with ask.hash("stripe._webhook.sha256"):
        signature = stripe.WebhookSignature._compute_signature(f"{ask.at}.{body}", ask.secret)
    return Request("stripe", {"Stripe-Signature": f"t={ask.at},v1={signature}", "Content-Type": JSON}, body)


def slack_request(ask, media, body):
    at = str(ask.at)
    with ask.hash("slack_sdk.signature.hashlib.sha256"):
        signature = SignatureVerifier(ask.secret).generate_signature(timestamp=at, body=body)
    headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": at, "Content-Type": media}
    return Request("slack", headers, body)


def by_slack(ask):
    event = {"type": "event_callback", "event_id": "EvPython", "event": {"type": "app_mention"}}
    return slack_request(ask, JSON, json.dumps(event))


def by_slack_form(ask):
    command = {"command": "/deploy", "text": "é & ü", "trigger_id": "1.python"}
    return slack_request(ask, FORM, urllib.parse.urlencode(command))


def standard_webhooks_request(source, ask, body, signature):
    headers = {
        "webhook-id": "msg_python",
        "webhook-timestamp": str(ask.at),
        "webhook-signature": signature,
        "Content-Type": JSON,
    }
    return Request(source, headers, body)


def by_standard_webhooks(ask):
    body = '{"type": "contact.created", "name": "日本"}'
    with ask.hash("standardwebhooks.webhooks.hashlib.sha256"):
        signature = Webhook(ask.secret).sign("msg_python", ask.moment(), body)
    return standard_webhooks_request("standard-webhooks", ask, body, signature)


def by_standard_webhooks_ed25519(ask):
    """The library has shared secrets only: signed as its specification says ("Signature scheme").

    By the other algorithm, with what everybody may know as the shared secret.
    """
    body = '{"type": "contact.updated"}'
    key = private_key(ask.secret)
    if ask.by_another_algorithm:
        public = key.public_key().public_bytes_raw()
        signature = Webhook(public).sign("msg_python", ask.moment(), body)
    else:
        signature = "v1a," + base64.b64encode(key.sign(f"msg_python.{ask.at}.{body}".encode())).decode()
    return standard_webhooks_request("standard-webhooks-ed25519", ask, body, signature)


def twilio_signature(ask, query, params):
    with ask.hash("twilio.request_validator.sha1"):
        return RequestValidator(ask.secret).compute_signature(address(ask.base, "twilio") + query, params)


def by_twilio_form(ask):
    params = {"MessageSid": "SMpython", "SmsStatus": "received", "Body": "é + ü", "From": "+12349013030"}
    query = "?a=1"
    headers = {"X-Twilio-Signature": twilio_signature(ask, query, params), "Content-Type": FORM}
    return Request("twilio", headers, urllib.parse.urlencode(params), query)


def by_twilio_json(ask):
    body = '[{"type": "com.twilio.messaging"}]'
    query = f"?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    return Request("twilio", {"X-Twilio-Signature": twilio_signature(ask, query, {}), "Content-Type": JSON}, body, query)


def private_key(pem):
    return serialization.load_pem_private_key(pem.encode(), None)


class Resolver(hms.HTTPSignatureKeyResolver):
    def __init__(self, key):
        self.key = key

    def resolve_private_key(self, key_id):
        return self.key

    def resolve_public_key(self, key_id):
        return self.key


ALGORITHMS = hms.algorithms.signature_algorithms


def message_request(ask, source, algorithm):
    """By another algorithm the request does not say by which, so that the key alone tells."""
    body = b'{"n": 1}'
    request = requests.Request("POST", address(ask.base, source), data=body, headers={"Content-Type": JSON}).prepare()
    digest = hms.http_sfv.Dictionary({"sha-256": hashlib.sha256(body).digest()})
    request.headers["Content-Digest"] = str(digest)
    key = ask.secret.encode()
    if ask.by_another_algorithm:
        algorithm, key = another_algorithm(algorithm, key)
    signer = hms.HTTPMessageSigner(signature_algorithm=ALGORITHMS[algorithm], key_resolver=Resolver(key))
    covered = ("@method", "@authority", "@target-uri", "content-digest", "content-type")
    signer.sign(
        request,
        key_id="key",
        created=ask.moment(),
        include_alg=not ask.by_another_algorithm,
        covered_component_ids=covered,
    )
    headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
    return Request(source, headers, body)


def another_algorithm(algorithm, key):
    """A key of RSA signs in either way; who has a public key can use its text as a shared secret."""
    if algorithm == "rsa-pss-sha512":
        return "rsa-v1_5-sha256", key
    if algorithm == "rsa-v1_5-sha256":
        return "rsa-pss-sha512", key
    if algorithm == "hmac-sha256":
        return "ed25519", ed25519.Ed25519PrivateKey.generate()
    public = serialization.load_pem_private_key(key, None).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "hmac-sha256", pem.strip()


def by_message_hmac(ask):
    return message_request(ask, "message", "hmac-sha256")


def by_message_ed25519(ask):
    return message_request(ask, "message-ed25519", "ed25519")


def by_message_p256(ask):
    return message_request(ask, "message-p256", "ecdsa-p256-sha256")


def by_message_pss(ask):
    return message_request(ask, "message-pss", "rsa-pss-sha512")


def by_message_v1_5(ask):
    return message_request(ask, "message-v1_5", "rsa-v1_5-sha256")


def cloud_event(id):
    attributes = {"type": "com.example.made", "source": "/python", "id": id}
    return CloudEvent(attributes, {"message": "é"})


def by_cloudevents_binary(ask):
    headers, body = to_binary(cloud_event("binary"))
    return Request("cloudevents", {**headers, "Authorization": f"Bearer {ask.secret}", "Content-Type": JSON}, body)


def by_cloudevents_structured(ask):
    headers, body = to_structured(cloud_event("structured"))
    return Request("cloudevents", {**headers, "Authorization": f"Bearer {ask.secret}"}, body)


def by_cloudevents_batch(ask):
    """The library makes each event; a batch is a list of them (HTTP Protocol Binding, section 3.3)."""
    events = [to_structured(cloud_event(id))[1] for id in ("first", "second")]
    headers = {"Authorization": f"Bearer {ask.secret}", "Content-Type": "application/cloudevents-batch+json"}
    return Request("cloudevents", headers, b"[" + b",".join(events) + b"]", events=2)


# Each with its source.
SENDERS = [
    (by_stripe, "stripe"),
    (by_slack, "slack"),
    (by_slack_form, "slack"),
    (by_standard_webhooks, "standard-webhooks"),
    (by_standard_webhooks_ed25519, "standard-webhooks-ed25519"),
    (by_twilio_form, "twilio"),
    (by_twilio_json, "twilio"),
    (by_message_hmac, "message"),
    (by_message_ed25519, "message-ed25519"),
    (by_message_p256, "message-p256"),
    (by_message_pss, "message-pss"),
    (by_message_v1_5, "message-v1_5"),
    (by_cloudevents_binary, "cloudevents"),
    (by_cloudevents_structured, "cloudevents"),
    (by_cloudevents_batch, "cloudevents"),
]

STANDARD_WEBHOOKS = ["webhook-signature", "webhook-id", "webhook-timestamp"]
MESSAGE = ["Signature", "Signature-Input", "Content-Digest"]

# What proves the sender of each source: the signature or the token, and what it needs beside it.
PROOFS = {
    "stripe": ["Stripe-Signature"],
    "slack": ["X-Slack-Signature", "X-Slack-Request-Timestamp"],
    "standard-webhooks": STANDARD_WEBHOOKS,
    "standard-webhooks-ed25519": STANDARD_WEBHOOKS,
    "twilio": ["X-Twilio-Signature"],
    "message": MESSAGE,
    "message-ed25519": MESSAGE,
    "message-p256": MESSAGE,
    "message-pss": MESSAGE,
    "message-v1_5": MESSAGE,
    "cloudevents": ["Authorization"],
}

# Who sends the secret itself has no algorithm, and no signature of the body.
TOKENS = {"cloudevents"}

# Who signs no time.
UNDATED = TOKENS | {"twilio"}


def another(secret):
    """A secret of the same kind."""
    if secret.startswith("whsec_"):
        return "whsec_" + secret[6:][::-1]
    if not secret.startswith("-----BEGIN"):
        return secret[::-1]
    key = private_key(secret)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        key = ed25519.Ed25519PrivateKey.generate()
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        key = ec.generate_private_key(key.curve)
    else:
        key = rsa.generate_private_key(65537, key.key_size)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def cut_off(value):
    """A proof without its end, which can still be read."""
    return value[:-5] + ":" if value.endswith(":") else value[:-4]


def taken(request, base, what):
    status, answer = request.post(base)
    events = answer.get("events", [answer])
    if status != 200 or len(events) != request.events:
        sys.exit(f"{what}: {status} instead of 200 with {request.events} events: {answer}")


def refused(request, base, check, what):
    status, answer = request.post(base)
    if status != 401 or answer.get("check") != check:
        sys.exit(f"{what}: {status} instead of 401 for the check `{check}`: {answer}")


def check(base, sender, source, secret):
    name = sender.__name__

    def ask(**other):
        return sender(Ask(**{"base": base, "secret": secret, "at": int(time.time()), **other}))

    differs = "credential" if source in TOKENS else "signature"
    taken(ask(), base, name)
    refused(ask(secret=another(secret)), base, differs, f"{name} with another secret")
    for header in PROOFS[source]:
        bare = ask()
        del bare.headers[header]
        refused(bare, base, "missing", f"{name} without {header}")
    short = ask()
    proof = PROOFS[source][0]
    short.headers[proof] = cut_off(short.headers[proof])
    refused(short, base, differs, f"{name} with a proof that is cut off")
    if source not in TOKENS:
        changed = ask()
        changed.body = changed.body + (b" " if isinstance(changed.body, bytes) else " ")
        refused(changed, base, "signature", f"{name} with another body")
        refused(ask(by_another_algorithm=True), base, "signature", f"{name} by another algorithm")
    if source not in UNDATED:
        for at in (int(time.time()) - TOO_OLD, int(time.time()) + TOO_OLD):
            refused(ask(at=at), base, "timestamp", f"{name} signed at another time")
    print(f"python: {name}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        told = json.load(file)
    for sender, source in SENDERS:
        check(told["url"], sender, source, told["secrets"][source])


main()
