"""Runs the plugin natively, with stand-ins for Hookyard's imports."""

import unittest
from unittest.mock import patch

import app
from wit_world.imports import hookyard_plugin_types as types
from wit_world.imports import state


class Store:
    """A key-value store in memory."""

    def __init__(self):
        self.entries = {}

    def get(self, key):
        return self.entries.get(key)

    def compare_and_swap(self, key, version, value):
        now = self.entries.get(key)
        if (now.version if now else None) != version:
            return None
        self.entries[key] = state.Entry(value, (version or 0) + 1)
        return self.entries[key].version


def job(event_type):
    event = types.Event(
        id="e", source="github", event_type=event_type, received_at=0, content_type="application/json", headers=[], body=b"{}"
    )
    return types.Job(delivery=types.Delivery(id="d", attempt=1), trigger=types.Trigger_Webhook(event))


class Counting(unittest.TestCase):
    def test_events_are_counted(self):
        store = Store()
        with (
            patch("app.config.get", return_value='{"greeting": "hi"}'),
            patch("app.log.write"),
            patch("app.state.get", store.get),
            patch("app.state.compare_and_swap", store.compare_and_swap),
        ):
            results = app.WitWorld().handle([job("push"), job("issues")])
        self.assertEqual([result.value.summary for result in results], ["hi: event 1", "hi: event 2"])


if __name__ == "__main__":
    unittest.main()
