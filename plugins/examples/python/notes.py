"""Writes a note for every webhook: the example of a Hookyard plugin in Python.

The world is described in ../../../wit. `componentize-py -d ../../../wit -w plugin bindings DIR` writes
the modules that stand for it, to read and for the editor.
"""

import json
from typing import Optional

import wit_world
from componentize_py_types import Err, Ok
from wit_world.imports import config, log, outgoing_handler, secrets, state, wasi_http_types as http
from wit_world.imports import hookyard_plugin_types as types
from wit_world.imports.hookyard_plugin_types import Outcome, RetryFailure
from wit_world.imports.manifest import Manifest, SecretAsk, SecretKind

# Most tries to count up while others count too.
MAX_SWAPS = 10
# Bytes handed to the host in one call; `blocking-write-and-flush` takes no more (wasi:io).
MAX_WRITE = 4096
# Bytes of an answer that are read: it is only shown when the service refuses.
MAX_ANSWER = 4096


class Rejected(Exception):
    """It can never work as it stands."""


class Retry(Exception):
    """It may work later."""


class WitWorld(wit_world.WitWorld):
    def describe(self) -> Manifest:
        """Who this plugin is and what it asks for: a constant, no import works while it runs."""
        schema = {
            "type": "object",
            "additionalProperties": False,
            "required": ["api"],
            "properties": {"api": {"type": "string", "pattern": "^https?://"}},
        }
        return Manifest(
            name="notes-py",
            version="1.0.0",
            summary="Writes a note for every webhook",
            config_schema=json.dumps(schema),
            secrets=[SecretAsk("token", SecretKind.PLAIN, "A token of the notes service", True)],
            http=["POST {config:api}/notes"],
            permissions=[],
            actions=[],
            batches=False,
        )

    def handle(self, jobs: list[types.Job]):
        """Does the jobs, one result each in the same order."""
        settings = json.loads(config.get())
        return [settle(settings, job) for job in jobs]


def settle(settings: dict, job: types.Job):
    try:
        return Ok(note(settings, job))
    except Rejected as why:
        return Err(types.Failure_Reject(str(why)))
    except Retry as why:
        return Err(types.Failure_Retry(RetryFailure(str(why), None)))


def note(settings: dict, job: types.Job) -> Outcome:
    if not isinstance(job.trigger, types.Trigger_Webhook):
        raise Rejected("notes are written for webhooks")
    event = job.trigger.value
    number = count()
    log.write(log.Level.INFO, f"note {number} is about {event.event_type}")
    text = json.dumps({"number": number, "about": event.event_type, "delivery": job.delivery.id})
    headers = [("authorization", f"Bearer {secrets.reference('token')}"), ("content-type", "application/json")]
    status, answer = post(f"{settings['api']}/notes", headers, text.encode())
    if status == 429 or status >= 500:
        raise Retry(f"the notes service said {status}")
    if status >= 300:
        raise Rejected(f"the notes service said {status}: {answer.decode(errors='replace')}")
    return Outcome(f"note {number} written", json.dumps({"number": number}))


def count() -> int:
    """One more than the last note's number; several runs at once never get the same."""
    for _ in range(MAX_SWAPS):
        entry: Optional[state.Entry] = state.get("notes")
        number = int(entry.value) + 1 if entry else 1
        version = entry.version if entry else None
        if state.compare_and_swap("notes", version, str(number).encode()) is not None:
            return number
    raise Retry("too many notes at once")


def post(url: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, bytes]:
    """Sends a request with wasi:http and waits for the answer: its status and the beginning of its body."""
    scheme, rest = url.split("://", 1)
    authority, _, path = rest.partition("/")
    request = http.OutgoingRequest(http.Fields.from_list([(name, value.encode()) for name, value in headers]))
    request.set_method(http.Method_Post())
    request.set_scheme(http.Scheme_Https() if scheme == "https" else http.Scheme_Http())
    request.set_authority(authority)
    request.set_path_with_query(f"/{path}")
    outgoing = request.body()
    try:
        future = outgoing_handler.handle(request, None)
        with outgoing.write() as stream:
            for start in range(0, len(body), MAX_WRITE):
                stream.blocking_write_and_flush(body[start : start + MAX_WRITE])
        http.OutgoingBody.finish(outgoing, None)
        with future.subscribe() as ready:
            ready.block()
        answered = future.get().value
    except Err as why:
        raise Retry(f"the notes service did not answer: {why.value}") from why
    if isinstance(answered, Err):
        raise Retry(f"the notes service did not answer: {answered.value}")
    response = answered.value
    return response.status(), read(response.consume())


def read(incoming: http.IncomingBody) -> bytes:
    with incoming.stream() as stream:
        try:
            return stream.blocking_read(MAX_ANSWER)
        except Err:
            return b""
