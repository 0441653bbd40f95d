//! Webhook events.

use super::report::Became;
use super::{ImportError, Importer, convert};
use crate::domain::event::{EventKind, KnownPast, NewEvent, PastEvent};
use crate::domain::route::RouteTable;
use crate::store::django::Row;

impl Importer<'_> {
    pub(super) async fn events(&mut self, page: &[Row]) -> Result<Vec<Became>, ImportError> {
        let events: Vec<_> = page.iter().map(convert::event).collect();
        let ids: Vec<_> = events.iter().flatten().map(|(event, _)| event.id).collect();
        let known = self.store.known_events(&ids).await?;
        let mut became = Vec::with_capacity(page.len());
        let (mut past, mut open) = (Vec::new(), Vec::new());
        for event in events {
            let (event, undone) = match event {
                Ok(event) => event,
                Err(why) => {
                    became.push(Became::Refused(why));
                    continue;
                }
            };
            let known = known.get(&event.id).copied();
            self.report.not_processed += u64::from(undone && known != Some(KnownPast::Done));
            let deliver = self.import.deliver.as_ref().filter(|_| undone);
            became.push(match known {
                None => Became::Imported,
                Some(KnownPast::LeftUndone) if deliver.is_some() || !undone => Became::Updated,
                Some(_) => {
                    became.push(Became::Known);
                    continue;
                }
            });
            match deliver {
                Some(routes) => {
                    let event = anew(event, routes);
                    self.report.not_wanted += u64::from(event.deliveries.is_empty());
                    open.push(event);
                }
                None => past.push(event),
            }
        }
        if !self.import.dry_run {
            self.store.import_events(&past).await?;
            self.store.take_over_events(&open).await?;
        }
        Ok(became)
    }
}

/// The event as if it came now, with a delivery for each plugin that wants it; it keeps its id and its time.
fn anew(event: PastEvent, routes: &RouteTable) -> NewEvent {
    let mut event = NewEvent {
        id: event.id,
        kind: EventKind::Webhook,
        source: event.source,
        event_type: event.event_type,
        headers: Vec::new(),
        content_type: event.content_type,
        body: event.body,
        payload: None,
        received_at: event.received_at,
        owner: None,
        redacted: Vec::new(),
        trace: None,
        once: None,
        deliveries: Vec::new(),
    };
    event.deliveries = routes.route(&event).deliveries;
    event
}
