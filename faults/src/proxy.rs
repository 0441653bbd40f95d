//! A wire that can be made slow or cut, between the host and its database.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes carried at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// How often a wire that is silent looks whether it still is.
const SILENCE_LOOK: Duration = Duration::from_millis(20);

/// The wire; it ends with the process.
pub struct Proxy {
    pub port: u16,
    to: Arc<AtomicU16>,
    manner: Arc<Manner>,
    refuses: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

/// How what comes in is carried.
#[derive(Default)]
struct Manner {
    delay_ms: AtomicU64,
    silent: AtomicBool,
}

impl Proxy {
    /// Carries what comes to a free port to this one.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start(to: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self {
            port: listener.local_addr()?.port(),
            to: Arc::new(AtomicU16::new(to)),
            manner: Arc::default(),
            refuses: Arc::default(),
            open: Arc::default(),
        };
        let (to, manner) = (proxy.to.clone(), proxy.manner.clone());
        let (refuses, open) = (proxy.refuses.clone(), proxy.open.clone());
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if refuses.load(Ordering::SeqCst) {
                    continue;
                }
                // Where nobody listens the connection is closed, as a dead host's would be.
                if let Ok(far) = TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))) {
                    carry_both(&near, &far, &manner, &open);
                }
            }
        });
        Ok(proxy)
    }

    /// From now on everything takes so much longer on its way, there and back each.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.manner.delay_ms.store(millis, Ordering::SeqCst);
    }

    /// From now on nothing is carried and nobody is told, or what was held back goes on its way.
    pub fn silence(&self, silent: bool) {
        self.manner.silent.store(silent, Ordering::SeqCst);
    }

    /// From now on new connections are carried to this port.
    pub fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }

    /// From now on new connections are closed at once, or carried again.
    pub fn refuse(&self, refuse: bool) {
        self.refuses.store(refuse, Ordering::SeqCst);
    }

    /// Cuts every connection that is open.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _closed_already = stream.shutdown(Shutdown::Both);
        }
    }
}

fn carry_both(near: &TcpStream, far: &TcpStream, manner: &Arc<Manner>, open: &Mutex<Vec<TcpStream>>) {
    for (from, to) in [(near, far), (far, near)] {
        let _slower_but_right = to.set_nodelay(true);
        let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone()) else {
            return;
        };
        open.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        let manner = manner.clone();
        thread::spawn(move || carry(from, to, &manner));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, manner: &Manner) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        thread::sleep(Duration::from_millis(manner.delay_ms.load(Ordering::SeqCst)));
        while manner.silent.load(Ordering::SeqCst) {
            thread::sleep(SILENCE_LOOK);
        }
        if to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    // Either end that goes takes the other with it.
    let _closed_already = to.shutdown(Shutdown::Both);
    let _closed_already = from.shutdown(Shutdown::Both);
}
