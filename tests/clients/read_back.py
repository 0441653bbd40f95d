"""Reads back, with the clients that people use, what Hookyard's plugins have written to the stand-ins.

Its one argument is a JSON file with `standins`, the stand-ins' own words about themselves, `google_key`, the key
file of the service account, and `written`, what the plugins were given.
"""

import json
import sys
from urllib.parse import urlsplit

import github
import gspread
import slack_sdk


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        told = json.load(file)
    standins, written = told["standins"], told["written"]
    sheets(standins["google"], told["google_key"], written)
    slack(standins["slack"], written)
    backup(standins["github"], written)


def same(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        sys.exit(f"{what}\n  read back: {got!r}\n  written:   {wanted!r}")
    print(f"  {what}: as written")


def sheets(google: dict, key_file: str, written: dict) -> None:
    """gspread has Google's addresses in its code, so they are changed on the way out."""

    class ToStandIn(gspread.HTTPClient):
        def request(self, method, endpoint, **arguments):
            address = google["base_url"].rstrip("/") + urlsplit(endpoint).path
            return super().request(method, address, **arguments)

    client = gspread.service_account(filename=key_file, http_client=ToStandIn)
    sheet = client.open(written["spreadsheet"]).worksheet(written["sheet"])
    columns = len(written["columns"])

    def read(how: str) -> list:
        # Behind them is the plugin's own column, by which it knows a row that it has appended.
        return [row[:columns] for row in sheet.get_all_values(value_render_option=how)]

    rows = read("UNFORMATTED_VALUE")
    same("gspread: headings", rows[0], written["columns"])
    same("gspread: rows of the table, then the one appended", rows[1:], written["rows"] + [written["row"]])
    same("gspread: nothing is a formula", read("FORMULA"), rows)
    same("gspread: the heading stays in view", sheet.frozen_row_count, 1)


def slack(standin: dict, written: dict) -> None:
    client = slack_sdk.WebClient(token=standin["bot_token"], base_url=standin["api_base"].rstrip("/") + "/")
    pages = client.conversations_list(types="public_channel", limit=2)
    channels = {channel["name"]: channel["id"] for page in pages for channel in page["channels"]}
    said = client.conversations_history(channel=channels[standin["channel"]])["messages"]
    same("slack_sdk: the message", [message["text"] for message in said], [written["message"]])


def backup(standin: dict, written: dict) -> None:
    auth = github.Auth.Token(standin["token"])
    client = github.Github(base_url=standin["base_url"].rstrip("/"), auth=auth)
    repository = client.get_repo(written["repository"])
    same("PyGithub: private", repository.private, True)
    files = {
        file.name: file.decoded_content.decode()
        for file in repository.get_contents("processes")
        if file.name.endswith(".py")
    }
    same("PyGithub: every script", files, written["files"])
    last = repository.get_commits()[0]
    same("PyGithub: files of the one commit", sorted(file.filename for file in last.files),
         sorted("processes/" + name for name in files))
    same("PyGithub: the message's counts", last.commit.message.split("Z: ")[1].splitlines()[0],
         f"{len(files)} created, 0 updated, 0 deleted")


if __name__ == "__main__":
    main()
