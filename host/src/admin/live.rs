//! The stream that tells open pages what changed: the names of parts, never their content.
//!
//! What changed is seen by comparing counters, which a node reads once for all of its streams; a page then asks for its
//! own parts anew. A stream ends with its session and when the service stops; then the browser comes again by itself.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::sync::CancellationToken;

use super::guard::MayLook;
use crate::auth::{KnownSession, Seen};
use crate::domain::id::UserId;
use crate::domain::page::PageRequest;
use crate::http::extract::Params;
use crate::http::serve::MAX_CONNECTIONS;
use crate::http::{ApiState, Problem};
use crate::intake::QUEUE_EVENTS;
use crate::intake::commit::BATCH_EVENTS;
use crate::store::StoreResult;

/// Streams of one node. Each holds one of its connections: with these, intake's queue and a commit there are still some
/// left.
pub const MAX_STREAMS: usize = 64;

const _: () = assert!(
    QUEUE_EVENTS + BATCH_EVENTS + MAX_STREAMS < MAX_CONNECTIONS,
    "streams and a full queue must leave connections for pages"
);

/// Streams of one account: a few windows. Browsers open six connections to a host in all.
pub const MAX_STREAMS_EACH: usize = 8;

/// How often a stream looks for changes: soon enough for people, and one look serves all.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long one look is shared.
const LOOK_REUSE: Duration = Duration::from_secs(1);

/// How often a stream asks whether its session goes on: how late signing out ends it.
const SESSION_LOOKS: u32 = 5;

/// How often everything is named: what no counter tells, such as another attempt that failed, shows then.
const FULL_LOOKS: u32 = 15;

/// How often an idle stream sends a sign of life, so that proxies keep it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What to wait before trying again when all streams are taken.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// The parts of pages that follow something, by what they follow.
const EVENTS: &str = "events";
const DELIVERIES: &str = "deliveries";
const PLUGINS: &str = "plugins";

/// All streams of a node.
#[derive(Clone)]
pub struct Live {
    state: ApiState,
    stop: CancellationToken,
    seen: Arc<AsyncMutex<Option<(Instant, Look)>>>,
    places: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// How things stood, as far as pages follow them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    events: u64,
    deliveries: u64,
    plugins: u64,
}

impl Look {
    /// How it is written into a page, which then follows from there.
    fn mark(self) -> String {
        format!("{:x}-{:x}-{:x}", self.events, self.deliveries, self.plugins)
    }

    /// What a page brings back; `None` when that is no mark.
    fn read(mark: &str) -> Option<Self> {
        let mut parts = mark.split('-').map(|part| u64::from_str_radix(part, 16).ok());
        let (events, deliveries, plugins) = (parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(Self {
            events,
            deliveries,
            plugins,
        })
    }

    /// What is another than it was, by name.
    fn changed_since(self, before: Self) -> Vec<&'static str> {
        let parts = [
            (self.events != before.events, EVENTS),
            (self.deliveries != before.deliveries, DELIVERIES),
            (self.plugins != before.plugins, PLUGINS),
        ];
        let changed = parts.into_iter().filter(|(changed, _)| *changed);
        changed.map(|(_, name)| name).collect()
    }
}

impl Live {
    /// None yet; they end when `stop` does.
    #[must_use]
    pub fn new(state: &ApiState, stop: CancellationToken) -> Self {
        Self {
            state: state.clone(),
            stop,
            seen: Arc::default(),
            places: Arc::default(),
        }
    }

    /// How things stand, for a page that is about to be made; empty when that cannot be said.
    pub async fn mark(&self) -> String {
        self.look().await.map_or_else(|_| String::new(), Look::mark)
    }

    /// A place for one more stream of this account.
    fn place(&self, user: UserId) -> Option<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = places.values().sum();
        let own = places.get(&user).copied().unwrap_or_default();
        if all >= MAX_STREAMS || own >= MAX_STREAMS_EACH {
            return None;
        }
        places.insert(user, own + 1);
        Some(Place {
            user,
            places: Arc::clone(&self.places),
        })
    }

    /// How things stand. Those who look at the same time share one look.
    async fn look(&self) -> StoreResult<Look> {
        let mut seen = self.seen.lock().await;
        if let Some((at, look)) = *seen
            && at.elapsed() < LOOK_REUSE
        {
            return Ok(look);
        }
        let look = self.look_now().await?;
        *seen = Some((Instant::now(), look));
        Ok(look)
    }

    async fn look_now(&self) -> StoreResult<Look> {
        let store = &self.state.store;
        let mut events = DefaultHasher::new();
        for count in store.event_counts().await? {
            (count.status, count.count).hash(&mut events);
        }
        let newest = PageRequest { page: 1, size: 1 };
        let rejected = store.rejected_requests(None, newest).await?;
        rejected.items.first().map(|request| request.id).hash(&mut events);
        let mut deliveries = DefaultHasher::new();
        for count in store.delivery_counts().await? {
            (count.plugin, count.state, count.count).hash(&mut deliveries);
        }
        let mut plugins = DefaultHasher::new();
        for status in self.state.waits.registry.statuses() {
            let lane = self.state.waits.lanes.state(&status.name);
            lane.map(|lane| lane.breaker).hash(&mut plugins);
            // Warnings tell of grants, which change with the same build.
            let build = (status.generation, status.digest, status.error, status.warnings);
            (status.name, status.state as u8, build).hash(&mut plugins);
        }
        Ok(Look {
            events: events.finish(),
            deliveries: deliveries.finish(),
            plugins: plugins.finish(),
        })
    }
}

/// A stream's place; free again when it is dropped.
struct Place {
    user: UserId,
    places: Arc<Mutex<HashMap<UserId, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = places.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                places.remove(&self.user);
            }
        }
    }
}

/// One open page.
struct Watcher {
    live: Live,
    session: KnownSession,
    _place: Place,
    before: Look,
    looks: u32,
}

impl Watcher {
    /// The next news; `None` at the end of the stream.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            tokio::select! {
                biased;
                () = self.live.stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            self.looks = self.looks.wrapping_add(1);
            if self.looks.is_multiple_of(SESSION_LOOKS) && !self.goes_on().await {
                return None;
            }
            // A database that is away shows nothing new; the page that asks for itself is told.
            let Ok(look) = self.live.look().await else {
                continue;
            };
            let changed = if self.looks.is_multiple_of(FULL_LOOKS) {
                vec![EVENTS, DELIVERIES, PLUGINS]
            } else {
                look.changed_since(self.before)
            };
            self.before = look;
            if !changed.is_empty() {
                return Some((Ok(Event::default().data(changed.join(" "))), self));
            }
        }
    }

    /// Whether the session is still there. A database that does not answer ends none.
    async fn goes_on(&self) -> bool {
        let sessions = &self.live.state.auth.sessions;
        let found = sessions.find(self.session.token.clone(), Seen::ByItself).await;
        !matches!(found, Ok(None))
    }
}

/// Tells a page what changed since it was made: between that and here something may have happened.
pub async fn follow(
    Extension(live): Extension<Live>,
    by: MayLook,
    params: Params,
) -> Result<Response, Problem> {
    let place = live.place(by.user().id).ok_or_else(|| {
        let detail = "Too many pages follow what happens: this one shows how things were.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", detail).retry_after(RETRY_AFTER)
    })?;
    let before = match params.get("since").and_then(Look::read) {
        Some(look) => look,
        None => live.look().await?,
    };
    let watcher = Watcher {
        before,
        live,
        session: by.session,
        _place: place,
        looks: 0,
    };
    let news = stream::unfold(watcher, Watcher::next);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(news).keep_alive(keep_alive).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_named() {
        let before = Look::default();
        assert!(before.changed_since(before).is_empty());
        let now = Look {
            events: 1,
            plugins: 1,
            ..before
        };
        assert_eq!(now.changed_since(before), [EVENTS, PLUGINS]);
    }

    #[test]
    fn a_page_brings_back_how_things_stood() {
        let look = Look {
            events: 7,
            deliveries: u64::MAX,
            plugins: 0,
        };
        assert_eq!(Look::read(&look.mark()), Some(look));
        for odd in ["", "1-2", "1-2-3-4", "1-2-g", "1-2--3"] {
            assert_eq!(Look::read(odd), None, "{odd}");
        }
    }
}
