//! Slack takes about one message per second and conversation, and as many per incoming webhook.
//! <https://docs.slack.dev/apis/web-api/rate-limits/#posting-messages>

use std::time::Duration;

use hookyard_plugin_sdk::bucket::{Bucket, BucketError};
use hookyard_plugin_sdk::{Failure, clock, state};

/// A second, and some more for requests that overtake each other on their way.
const PER: Duration = Duration::from_millis(1_100);

/// Buckets for all conversations, so that names made by a sender cannot fill the plugin's state. Two conversations in
/// one bucket are only slower.
const BUCKETS: u64 = 1_024;

/// Longest wait inside a run: well below the 30 s that a run may take, and long enough that a burst does not
/// come back to the queue again and again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for this second's turn in a conversation, shared by all runs of the plugin. When the crowd is too large
/// the failure says to come back, which costs no attempt.
pub fn turn(conversation: &str) -> Result<(), Failure> {
    let bucket = Bucket::new(
        format!("pace/{:03x}", state::hash(conversation) % BUCKETS),
        1,
        PER,
    );
    let mut waited = Duration::ZERO;
    loop {
        match bucket.take(1) {
            Ok(()) => return Ok(()),
            Err(BucketError::Empty { wait, .. }) if waited + wait <= PATIENCE => {
                clock::sleep(wait);
                // Whatever the bucket says, the loop comes to an end.
                waited += wait.max(Duration::from_millis(1));
            }
            Err(BucketError::Empty { .. }) => {
                return Err(Failure::defer(
                    "many messages wait for this conversation, and Slack takes one a second",
                    PATIENCE,
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use hookyard_plugin_sdk::testing::Host;

    use super::*;

    #[test]
    fn each_conversation_has_one_turn_a_second() {
        let _host = Host::new();
        let began = clock::now();
        for second in 0..4_u32 {
            turn("C1").expect("a turn");
            let passed = clock::now().duration_since(began).expect("a later moment");
            assert_eq!(passed, PER * second);
        }
        turn("C2").expect("another conversation's turn");
    }
}
