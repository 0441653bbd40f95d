//! Limits of how often somebody may ask.

use clap::Args;

use super::{Name, Reader};
use crate::domain::rate_limit::{MAX_REQUESTS, RateLimit};

/// The settings, as flags.
#[derive(Args, Clone, Debug, Default)]
pub struct RateArgs {
    #[arg(
        long,
        global = true,
        value_name = "RATE",
        help = "Webhooks of one API key, such as 600/min, or off [env: HOOKYARD_RATE_PER_KEY] [default: \
                off]"
    )]
    pub rate_per_key: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "RATE",
        help = "Requests of one user, or off [env: HOOKYARD_RATE_PER_USER] [default: off]"
    )]
    pub rate_per_user: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "RATE",
        help = "Requests from one address, or off [env: HOOKYARD_RATE_PER_ADDRESS] [default: off]. \
                Behind a proxy all senders share the proxy's"
    )]
    pub rate_per_address: Option<String>,
}

/// The limits; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    pub per_key: Option<RateLimit>,
    pub per_user: Option<RateLimit>,
    pub per_address: Option<RateLimit>,
}

impl RateLimits {
    pub(super) fn read(read: &mut Reader<'_>, args: &RateArgs) -> Self {
        Self {
            per_key: rate(
                read,
                "--rate-per-key",
                "HOOKYARD_RATE_PER_KEY",
                args.rate_per_key.as_ref(),
            ),
            per_user: rate(
                read,
                "--rate-per-user",
                "HOOKYARD_RATE_PER_USER",
                args.rate_per_user.as_ref(),
            ),
            per_address: rate(
                read,
                "--rate-per-address",
                "HOOKYARD_RATE_PER_ADDRESS",
                args.rate_per_address.as_ref(),
            ),
        }
    }
}

fn rate(
    read: &mut Reader<'_>,
    flag: &'static str,
    variable: &'static str,
    arg: Option<&String>,
) -> Option<RateLimit> {
    let takes = format!("off, or a number from 1 to {MAX_REQUESTS} and /s, /min or /h, such as 600/min");
    read.parsed(Name::of(flag, variable), arg, "off", &takes, |text| match text {
        "off" => Some(None),
        text => text.parse().ok().map(Some),
    })
}
