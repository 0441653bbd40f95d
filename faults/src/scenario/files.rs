//! No file descriptors left: connections take them all.

use std::net::TcpStream;
use std::time::Duration;

use crate::figures::Found;
use crate::site::Site;
use crate::table::Yard;
use crate::weather::{Senders, Spell, weather};

/// What the process may open.
const FILES: u64 = 120;

/// Connections that say nothing.
const IDLE: usize = 300;

/// How long they are held: below the time after which the host closes a silent connection.
const LASTS: Duration = Duration::from_secs(8);

/// Idle connections take every descriptor; then they go.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?;
    site.launch.files = FILES;
    let mut server = site.start()?;
    let held: std::cell::RefCell<Vec<TcpStream>> = std::cell::RefCell::default();
    let port = site.port();
    let mut spell = Spell {
        senders: Senders::MayBeRefused,
        may_break: true,
        healthy: false,
        lasts: LASTS,
        on: &mut || {
            for _ in 0..IDLE {
                held.borrow_mut().push(TcpStream::connect(("127.0.0.1", port))?);
            }
            Ok(())
        },
        off: &mut || {
            held.borrow_mut().clear();
            Ok(())
        },
    };
    weather(&site, &mut server, &site.plan("load"), &mut spell, &mut found)?;
    found.must(site.log().contains("Too many open files"), || {
        format!("{FILES} descriptors were enough: nothing was tried")
    });
    Ok(found)
}
