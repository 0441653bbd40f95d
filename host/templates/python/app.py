"""Counts the webhooks it gets. The world is described in wit/."""

import json
from typing import Optional

import wit_world
from componentize_py_types import Err, Ok
from wit_world.imports import config, log, state
from wit_world.imports import hookyard_plugin_types as types
from wit_world.imports.hookyard_plugin_types import Outcome, RetryFailure
from wit_world.imports.manifest import Manifest

# Most tries to count up while others count too.
MAX_SWAPS = 10


class WitWorld(wit_world.WitWorld):
    def describe(self) -> Manifest:
        """Who this plugin is and what it asks for: a constant, no import works while it runs."""
        schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {"greeting": {"type": "string", "default": "hello"}},
        }
        return Manifest(
            name="{{name}}",
            version="0.1.0",
            summary="Counts the webhooks it gets",
            config_schema=json.dumps(schema),
            secrets=[],
            http=[],
            permissions=[],
            actions=[],
            batches=False,
        )

    def handle(self, jobs: list[types.Job]):
        """Does the jobs, one result each in the same order."""
        settings = json.loads(config.get())
        return [settle(settings, job) for job in jobs]


def settle(settings: dict, job: types.Job):
    if not isinstance(job.trigger, types.Trigger_Webhook):
        return Err(types.Failure_Reject("it counts webhooks"))
    event = job.trigger.value
    number = count()
    if number is None:
        return Err(types.Failure_Retry(RetryFailure("too many events at once", None)))
    log.write(log.Level.INFO, f"event {number} is {event.event_type} from {event.source}")
    return Ok(Outcome(f"{settings['greeting']}: event {number}", json.dumps({"number": number})))


def count() -> Optional[int]:
    """One more than last time; several runs at once never get the same number."""
    for _ in range(MAX_SWAPS):
        entry = state.get("count")
        number = int(entry.value) + 1 if entry else 1
        version = entry.version if entry else None
        if state.compare_and_swap("count", version, str(number).encode()) is not None:
            return number
    return None
