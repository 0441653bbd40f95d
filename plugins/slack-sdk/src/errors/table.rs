//! The table: Slack's word, the verdict, and what a person can do.

/// Whether a retry makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes by itself.
    Retry,
    /// Somebody has to mend something first.
    Reject,
}

use Verdict::{Reject, Retry};

const TOKEN: &str =
    "put a valid bot token into the secret `bot-token` (Slack app settings, OAuth & Permissions)";
const REINSTALL: &str = "install the app in the workspace again and renew the secret `bot-token`";
const DESTINATION: &str =
    "set `channel` to a channel's id or `user` to a member's id or e-mail in plugins.toml";
const THREAD: &str = "there is no such message to reply to; correct `thread` in plugins.toml";
const BLOCKS: &str = "check `blocks` in plugins.toml with Slack's Block Kit Builder:";
const DEFECT: &str = "this is a defect of the plugin; report it with this text:";
const ADMIN: &str = "an admin of the workspace forbids it; ask them to allow the app to post there";
const SLACK: &str = "Slack has a problem of its own; see https://slack-status.com";

pub(crate) const TABLE: &[(&str, Verdict, &str)] = &[
    // Passes by itself.
    ("ratelimited", Retry, "the rate limit is reached"),
    ("rate_limited", Retry, "the rate limit is reached"),
    (
        "message_limit_exceeded",
        Retry,
        "the workspace sends too many messages at the moment",
    ),
    ("request_timeout", Retry, "the request did not reach Slack whole"),
    ("fatal_error", Retry, SLACK),
    ("internal_error", Retry, SLACK),
    ("service_unavailable", Retry, SLACK),
    (
        "team_added_to_org",
        Retry,
        "the workspace is moving to an Enterprise organisation",
    ),
    // Where the message goes.
    (
        "channel_not_found",
        Reject,
        "there is no such channel, or it is private and the app is not in it; /invite the app, or correct `channel` in plugins.toml",
    ),
    (
        "not_in_channel",
        Reject,
        "invite the app to the channel: write `/invite @app` there",
    ),
    (
        "is_archived",
        Reject,
        "unarchive the channel, or set another `channel` in plugins.toml",
    ),
    (
        "is_inactive",
        Reject,
        "the channel is frozen; set another `channel` in plugins.toml",
    ),
    ("user_not_found", Reject, DESTINATION),
    (
        "users_not_found",
        Reject,
        "nobody in the workspace has this e-mail; correct `user` in plugins.toml",
    ),
    (
        "user_not_visible",
        Reject,
        "the app may not see this person; set another `user` in plugins.toml",
    ),
    (
        "user_disabled",
        Reject,
        "this person's account is deactivated; set another `user` in plugins.toml",
    ),
    ("users_list_not_supplied", Reject, DESTINATION),
    ("not_enough_users", Reject, DESTINATION),
    ("too_many_users", Reject, DESTINATION),
    ("invalid_user_combination", Reject, DESTINATION),
    (
        "cannot_dm_bot",
        Reject,
        "a bot cannot write to a bot; set a person's id as `user` in plugins.toml",
    ),
    (
        "messages_tab_disabled",
        Reject,
        "switch on the Messages tab in the Slack app's settings under App Home",
    ),
    ("method_not_supported_for_channel_type", Reject, DESTINATION),
    ("restricted_action", Reject, ADMIN),
    ("restricted_action_read_only_channel", Reject, ADMIN),
    ("restricted_action_thread_only_channel", Reject, ADMIN),
    ("restricted_action_non_threadable_channel", Reject, ADMIN),
    (
        "enterprise_is_restricted",
        Reject,
        "this Enterprise organisation forbids the method; set `user` to a member's id instead of an e-mail",
    ),
    // What it replies to or takes the place of.
    (
        "message_not_found",
        Reject,
        "the message that this one refers to is gone; correct `thread` or `update` in plugins.toml",
    ),
    (
        "cant_update_message",
        Reject,
        "the message belongs to somebody else; only the app's own can be updated",
    ),
    (
        "edit_window_closed",
        Reject,
        "the workspace forbids changing a message of this age; ask its admin",
    ),
    ("thread_not_found", Reject, THREAD),
    ("invalid_thread_ts", Reject, THREAD),
    ("cannot_reply_to_message", Reject, THREAD),
    ("parent_message_not_found", Reject, THREAD),
    ("invalid_ts_latest", Reject, DEFECT),
    ("invalid_ts_oldest", Reject, DEFECT),
    ("invalid_cursor", Reject, DEFECT),
    ("invalid_limit", Reject, DEFECT),
    // What the message holds.
    ("msg_too_long", Reject, "shorten `message` in plugins.toml"),
    ("no_text", Reject, "give `message` in plugins.toml a text"),
    (
        "too_many_attachments",
        Reject,
        "a message takes at most 100 attachments",
    ),
    ("invalid_blocks", Reject, BLOCKS),
    ("invalid_blocks_format", Reject, BLOCKS),
    ("msg_blocks_too_long", Reject, BLOCKS),
    ("block_mismatch", Reject, BLOCKS),
    ("markdown_text_conflict", Reject, DEFECT),
    ("metadata_too_large", Reject, DEFECT),
    (
        "metadata_must_be_sent_from_app",
        Reject,
        "the secret `bot-token` must be a bot token (it begins with xoxb)",
    ),
    ("invalid_metadata_format", Reject, DEFECT),
    ("invalid_metadata_schema", Reject, DEFECT),
    // Who sends it.
    ("not_authed", Reject, TOKEN),
    ("invalid_auth", Reject, TOKEN),
    ("token_revoked", Reject, REINSTALL),
    ("token_expired", Reject, REINSTALL),
    ("account_inactive", Reject, REINSTALL),
    (
        "not_allowed_token_type",
        Reject,
        "the secret `bot-token` must be a bot token (it begins with xoxb)",
    ),
    (
        "missing_scope",
        Reject,
        "add the scope to the Slack app (chat:write, im:write, users:read.email) and install it again",
    ),
    (
        "no_permission",
        Reject,
        "add the scope to the Slack app (chat:write, im:write, users:read.email) and install it again",
    ),
    ("access_denied", Reject, ADMIN),
    (
        "accesslimited",
        Reject,
        "the workspace does not allow access from this network; ask its admin",
    ),
    ("ekm_access_denied", Reject, ADMIN),
    (
        "team_access_not_granted",
        Reject,
        "install the app in the workspace that the channel belongs to",
    ),
    (
        "org_login_required",
        Reject,
        "the workspace is moving to an Enterprise organisation; replay this when it has",
    ),
    (
        "two_factor_setup_required",
        Reject,
        "two-factor authentication has to be set up for the account of the token",
    ),
    ("team_not_found", Reject, REINSTALL),
    // How it is asked: the plugin or the address is at fault.
    ("invalid_arg_name", Reject, DEFECT),
    ("invalid_array_arg", Reject, DEFECT),
    ("invalid_arguments", Reject, DEFECT),
    ("invalid_charset", Reject, DEFECT),
    ("invalid_form_data", Reject, DEFECT),
    ("invalid_post_type", Reject, DEFECT),
    ("missing_post_type", Reject, DEFECT),
    ("invalid_json", Reject, DEFECT),
    ("json_not_object", Reject, DEFECT),
    ("deprecated_endpoint", Reject, DEFECT),
    ("method_deprecated", Reject, DEFECT),
    ("unknown_method", Reject, "check `api-base` in plugins.toml"),
    (
        "upgrade_required",
        Reject,
        "check `api-base` in plugins.toml: it must begin with https://",
    ),
];
