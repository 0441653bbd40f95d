//! The network that requests leave for: who resolves names, and whose certificates are believed.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

/// Looks a name up. It may block: a thread is there for it.
type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The machine's own resolver and root certificates, unless a test says otherwise.
#[derive(Clone)]
pub struct Network {
    names: Arc<LookUp>,
    roots: Vec<Vec<u8>>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            names: Arc::new(system),
            roots: Vec::new(),
        }
    }
}

fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}

impl Network {
    /// The same with another resolver.
    #[must_use]
    pub fn with_names(self, names: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self {
            names: Arc::new(names),
            ..self
        }
    }

    /// The same, believing what this certificate (DER) has signed, too.
    #[must_use]
    pub fn trusting(mut self, root: Vec<u8>) -> Self {
        self.roots.push(root);
        self
    }

    /// All addresses of a name; blocks.
    pub(super) fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        (self.names)(host)
    }

    /// Certificates, in DER, beside the machine's.
    pub(super) fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}
