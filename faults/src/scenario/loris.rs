//! Heads of requests that never end, on more connections than the server has places for.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::figures::Found;
use crate::site::Site;
use crate::table::Yard;
use crate::weather::{Senders, Spell, weather};

/// More than the connections that the host keeps open.
const CONNECTIONS: usize = 1000;

/// How often each is given a byte more.
const DRIP: Duration = Duration::from_secs(1);

/// How long it lasts: longer than a head may take.
const LASTS: Duration = Duration::from_secs(18);

/// Longest answer of `/healthz` meanwhile.
const HEALTHY_WITHIN_MS: u64 = 5_000;

/// The slow ones come again whenever they are cut off.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?;
    let mut server = site.start()?;
    let over = Arc::new(AtomicBool::new(false));
    let port = site.port();
    let mut spell = Spell {
        senders: Senders::MayBeRefused,
        // Senders that pause may have to give way too, and come again.
        may_break: true,
        healthy: true,
        lasts: LASTS,
        on: &mut || {
            let over = over.clone();
            thread::spawn(move || drip(port, &over));
            Ok(())
        },
        off: &mut || {
            over.store(true, Ordering::SeqCst);
            Ok(())
        },
    };
    weather(&site, &mut server, &site.plan("load"), &mut spell, &mut found)?;
    let slowest = found
        .figures
        .get("health-slowest-ms")
        .and_then(serde_json::Value::as_u64);
    found.must(slowest.is_some_and(|slowest| slowest < HEALTHY_WITHIN_MS), || {
        format!("the slowest answer of /healthz took {slowest:?} ms")
    });
    let let_in = found
        .figures
        .get("acknowledged-in-trouble")
        .and_then(serde_json::Value::as_u64);
    found.must(let_in.is_some_and(|count| count > 0), || {
        "no sender got through".to_owned()
    });
    Ok(found)
}

fn drip(port: u16, over: &AtomicBool) {
    let mut slow: Vec<Option<TcpStream>> = (0..CONNECTIONS).map(|_| None).collect();
    while !over.load(Ordering::SeqCst) {
        for place in &mut slow {
            let went = place.as_mut().map(|stream| stream.write_all(b"x"));
            if !matches!(went, Some(Ok(()))) {
                *place = begin(port);
            }
        }
        thread::sleep(DRIP);
    }
}

fn begin(port: u16) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").ok()?;
    Some(stream)
}
