//! Names: looked up once per connection, every answer looked at, and what was looked at is what is dialled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::address::{DialError, Reach, checked};
use super::network::Network;

/// Longest look-up of a name, the wait for a turn included.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Look-ups of one plugin at a time. A thread works at each and nothing can stop it, so that a name server
/// that is down holds it for up to half a minute: ever new runs must not take ever more of the process's
/// 512.
const LOOK_UPS: usize = 8;

/// Turns at the resolver, for all clients of one plugin.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOK_UPS)))
    }
}

/// Resolves names and refuses an answer with any address out of reach: a name with mixed answers is a name
/// that may change its mind.
#[derive(Clone)]
pub(super) struct CheckedResolver {
    reach: Reach,
    network: Network,
    turns: Turns,
    within: Duration,
}

impl CheckedResolver {
    /// A resolver that takes its turns from these.
    pub(super) const fn new(reach: Reach, network: Network, turns: Turns) -> Self {
        Self {
            reach,
            network,
            turns,
            within: LOOKUP_TIMEOUT,
        }
    }

    async fn look_up(&self, host: &str) -> Result<Vec<SocketAddr>, DialError> {
        tokio::time::timeout(self.within, self.asked(host))
            .await
            .map_err(|_elapsed| DialError::LookupTimeout(host.to_owned()))?
    }

    async fn asked(&self, host: &str) -> Result<Vec<SocketAddr>, DialError> {
        let unresolved = |why: String| DialError::Unresolved {
            host: host.to_owned(),
            why,
        };
        let turn = Arc::clone(&self.turns.0).acquire_owned().await;
        let turn = turn.map_err(|closed| unresolved(closed.to_string()))?;
        let (network, name) = (self.network.clone(), host.to_owned());
        let looking = tokio::task::spawn_blocking(move || {
            let found = network.look_up(&name);
            // Not before: whoever asked may have gone long since.
            drop(turn);
            found
        });
        let found = looking
            .await
            .map_err(|panicked| unresolved(panicked.to_string()))?;
        checked(
            host,
            found.map_err(|error| unresolved(error.to_string()))?,
            self.reach,
        )
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.look_up(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// A name server that is down until it is told to answer.
    #[derive(Default)]
    struct Down {
        threads: AtomicUsize,
        answers: Mutex<bool>,
        changed: Condvar,
    }

    impl Down {
        fn ask(&self) -> Vec<IpAddr> {
            self.threads.fetch_add(1, Ordering::SeqCst);
            let answers = self.answers.lock().expect("no panic");
            let _answers = self
                .changed
                .wait_while(answers, |answers| !*answers)
                .expect("no panic");
            vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]
        }

        fn recover(&self) {
            *self.answers.lock().expect("no panic") = true;
            self.changed.notify_all();
        }
    }

    #[tokio::test]
    async fn look_ups_that_outlive_their_askers_keep_their_turns() {
        let down = Arc::new(Down::default());
        let asked = Arc::clone(&down);
        let network = Network::default().with_names(move |_| Ok(asked.ask()));
        let turns = Turns::default();
        let mut resolver = CheckedResolver::new(Reach::Private, network, turns.clone());
        resolver.within = Duration::from_millis(50);
        for _ in 0..2 {
            let asking = (0..LOOK_UPS).map(|_| resolver.look_up("vendor.test"));
            for found in futures_util::future::join_all(asking).await {
                assert!(matches!(found, Err(DialError::LookupTimeout(_))), "{found:?}");
            }
        }
        assert_eq!(down.threads.load(Ordering::SeqCst), LOOK_UPS, "no thread more");
        down.recover();
        let all = turns.0.acquire_many(u32::try_from(LOOK_UPS).expect("few"));
        drop(all.await.expect("open"));
        resolver.within = LOOKUP_TIMEOUT;
        let found = resolver.look_up("vendor.test").await.expect("an address");
        assert_eq!(found, ["127.0.0.1:0".parse().expect("an address")]);
    }
}
