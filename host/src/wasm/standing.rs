//! What holds for every generation of one plugin, as of now.
//!
//! Less takes force at once, more only when the whole section fits the build. Each change of
//! config, grants or limits makes a new edition; a build takes runs only while its settings were
//! made for the edition in force. So no run has the configuration of one section and the rights of
//! another.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::egress::{Carried, Clients};
use super::mint::Mint;
use super::source::Signer;
use crate::domain::grant::Grants;
use crate::domain::plugin::{PluginName, PluginSpec};

/// One plugin's section: what the file says, and what of it is in force. A revoked grant reaches
/// work in flight through this.
pub(super) struct Standing {
    pub(super) name: PluginName,
    pub(super) clients: Clients,
    /// Tokens outlive a generation: a new build needs no new ones.
    pub(super) mint: Mint,
    /// The secrets that requests carried, for all generations: a vendor may send one back later.
    pub(super) carried: Carried,
    wanted: ArcSwap<PluginSpec>,
    in_force: ArcSwap<InForce>,
    /// One change at a time.
    turn: Mutex<()>,
}

/// A section in force.
pub(super) struct InForce {
    pub(super) spec: Arc<PluginSpec>,
    /// Who must have signed a build that runs.
    pub(super) signer: Signer,
    /// Counts the changes of config, grants and limits.
    pub(super) edition: u64,
}

impl Standing {
    /// A plugin as the operator's section has it.
    pub(super) fn new(spec: PluginSpec) -> Arc<Self> {
        let spec = Arc::new(spec);
        Arc::new(Self {
            name: spec.name.clone(),
            clients: Clients::default(),
            mint: Mint::default(),
            carried: Carried::default(),
            wanted: ArcSwap::new(Arc::clone(&spec)),
            in_force: ArcSwap::from_pointee(InForce {
                spec,
                signer: Signer::Anybody,
                edition: 0,
            }),
            turn: Mutex::new(()),
        })
    }

    /// The section as the file has it.
    pub(super) fn wanted(&self) -> Arc<PluginSpec> {
        self.wanted.load_full()
    }

    /// The section in force.
    pub(super) fn spec(&self) -> Arc<PluginSpec> {
        Arc::clone(&self.in_force.load().spec)
    }

    /// The section in force, with its edition.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Takes away at once what the file's new section takes away; the rest waits for
    /// [`Self::enforce`]. `signer` is what the section's `signed-by` means now.
    pub(super) fn announce(&self, spec: PluginSpec, signer: Signer) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_force();
        let narrowed = before.spec.narrowed_to(&spec);
        let signer = if spec.signed_by.is_some() {
            signer
        } else {
            before.signer.clone()
        };
        self.wanted.store(Arc::new(spec));
        self.put(Arc::new(narrowed), signer);
    }

    /// Asks for this signer at once, if the file still has this section: its key may have changed
    /// where the section has not.
    pub(super) fn demand(&self, spec: &Arc<PluginSpec>, signer: &Signer) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if spec.signed_by.is_some() && Arc::ptr_eq(&self.wanted(), spec) {
            self.put(self.spec(), signer.clone());
        }
    }

    /// Puts the file's section in force as a whole and gives its edition; `None` when the file has
    /// another by now, which has its own turn.
    pub(super) fn enforce(&self, spec: &Arc<PluginSpec>, signer: &Signer) -> Option<u64> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&self.wanted(), spec).then(|| self.put(Arc::clone(spec), signer.clone()))
    }

    /// Takes every right away, for work in flight too: the plugin is no longer in the file.
    pub(super) fn revoke(&self) {
        let mut spec = PluginSpec::clone(&self.wanted());
        spec.enabled = false;
        spec.grants = Grants::default();
        self.announce(spec, self.in_force().signer.clone());
    }

    fn put(&self, spec: Arc<PluginSpec>, signer: Signer) -> u64 {
        let before = self.in_force.load();
        let same = before.spec.config == spec.config
            && before.spec.grants == spec.grants
            && before.spec.limits == spec.limits;
        let edition = before.edition + u64::from(!same);
        self.in_force.store(Arc::new(InForce {
            spec,
            signer,
            edition,
        }));
        edition
    }
}
