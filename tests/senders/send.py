"""Has the vendors' own libraries sign requests, and posts them to a running host.

python send.py FILE, with a JSON file {"url", "secrets": {SOURCE: secret}}. Each request must be taken, and refused
once its body or its proof is altered, or when it is signed with another secret.
"""

import datetime
import hashlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import http_message_signatures as hms
import requests
import stripe
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook
from twilio.request_validator import RequestValidator

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Request:
    """What is posted: below which source, with which query, headers and body."""

    def __init__(self, source, headers, body, query=""):
        self.source, self.headers, self.body, self.query = source, headers, body, query

    def post(self, base):
        body = self.body if isinstance(self.body, bytes) else self.body.encode()
        request = urllib.request.Request(address(base, self.source) + self.query, body, self.headers, method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def address(base, source):
    return f"{base}/api/webhooks/receive/{source}/"


def by_stripe(_base, secret):
    body = json.dumps({"id": "evt_python", "type": "charge.succeeded", "object": "event"})
    at = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{at}.{body}", secret)
    return Request("stripe", {"Stripe-Signature": f"t={at},v1={signature}", "Content-Type": JSON}, body)


def by_slack(_base, secret):
    body = json.dumps({"type": "event_callback", "event_id": "EvPython", "event": {"type": "app_mention"}})
    at = str(int(time.time()))
    signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
    headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": at, "Content-Type": JSON}
    return Request("slack", headers, body)


def by_slack_form(_base, secret):
    body = urllib.parse.urlencode({"command": "/deploy", "text": "é & ü", "trigger_id": "1.python"})
    at = str(int(time.time()))
    signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
    headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": at, "Content-Type": FORM}
    return Request("slack", headers, body)


def by_standard_webhooks(_base, secret):
    body = '{"type": "contact.created", "name": "日本"}'
    now = datetime.datetime.now(datetime.timezone.utc)
    signature = Webhook(secret).sign("msg_python", now, body)
    headers = {
        "webhook-id": "msg_python",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "Content-Type": JSON,
    }
    return Request("standard-webhooks", headers, body)


def by_twilio_form(base, secret):
    params = {"MessageSid": "SMpython", "SmsStatus": "received", "Body": "é + ü", "From": "+12349013030"}
    query = "?a=1"
    signature = RequestValidator(secret).compute_signature(address(base, "twilio") + query, params)
    headers = {"X-Twilio-Signature": signature, "Content-Type": FORM}
    return Request("twilio", headers, urllib.parse.urlencode(params), query)


def by_twilio_json(base, secret):
    body = '[{"type": "com.twilio.messaging"}]'
    query = f"?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    signature = RequestValidator(secret).compute_signature(address(base, "twilio") + query, {})
    return Request("twilio", {"X-Twilio-Signature": signature, "Content-Type": JSON}, body, query)


class Resolver(hms.HTTPSignatureKeyResolver):
    def __init__(self, secret):
        self.secret = secret

    def resolve_private_key(self, key_id):
        return self.secret.encode()

    def resolve_public_key(self, key_id):
        return self.secret.encode()


def by_message_signature(base, secret):
    body = b'{"n": 1}'
    request = requests.Request("POST", address(base, "message"), data=body, headers={"Content-Type": JSON}).prepare()
    digest = hms.http_sfv.Dictionary({"sha-256": hashlib.sha256(body).digest()})
    request.headers["Content-Digest"] = str(digest)
    signer = hms.HTTPMessageSigner(
        signature_algorithm=hms.algorithms.HMAC_SHA256, key_resolver=Resolver(secret)
    )
    covered = ("@method", "@authority", "@target-uri", "content-digest", "content-type")
    signer.sign(request, key_id="key", covered_component_ids=covered)
    headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
    return Request("message", headers, body)


def cloud_event(id):
    attributes = {"type": "com.example.made", "source": "/python", "id": id}
    return CloudEvent(attributes, {"message": "é"})


def by_cloudevents_binary(_base, secret):
    headers, body = to_binary(cloud_event("binary"))
    return Request("cloudevents", {**headers, "Authorization": f"Bearer {secret}", "Content-Type": JSON}, body)


def by_cloudevents_structured(_base, secret):
    headers, body = to_structured(cloud_event("structured"))
    return Request("cloudevents", {**headers, "Authorization": f"Bearer {secret}"}, body)


SENDERS = [
    by_stripe,
    by_slack,
    by_slack_form,
    by_standard_webhooks,
    by_twilio_form,
    by_twilio_json,
    by_message_signature,
    by_cloudevents_binary,
    by_cloudevents_structured,
]

# What proves the sender of each source.
PROOFS = {
    "stripe": "Stripe-Signature",
    "slack": "X-Slack-Signature",
    "standard-webhooks": "webhook-signature",
    "twilio": "X-Twilio-Signature",
    "message": "Signature",
    "cloudevents": "Authorization",
}


def other(secret):
    """A secret of the same kind."""
    if secret.startswith("whsec_"):
        return "whsec_" + secret[6:][::-1]
    return secret[::-1]


def expect(request, base, wanted, what):
    status, answer = request.post(base)
    if status != wanted:
        sys.exit(f"{what}: {status} instead of {wanted}: {answer}")


def check(base, sender, secret):
    name = sender.__name__
    expect(sender(base, secret), base, 200, name)
    wrong = sender(base, other(secret))
    expect(wrong, base, 401, f"{name} with another secret")
    if wrong.source != "cloudevents":
        changed = sender(base, secret)
        changed.body = changed.body + (b" " if isinstance(changed.body, bytes) else " ")
        expect(changed, base, 401, f"{name} with another body")
    bare = sender(base, secret)
    bare.headers = {key: value for key, value in bare.headers.items() if key != PROOFS[bare.source]}
    expect(bare, base, 401, f"{name} without its proof")
    print(f"python: {name}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        told = json.load(file)
    for sender in SENDERS:
        source = sender(told["url"], "whsec_AAAA").source
        check(told["url"], sender, told["secrets"][source])


main()
