//! The machine code of one build while it serves: a draft gives way to optimised code between two runs.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::abi::v0_1::WorldPre;
use super::compiler::Grade;
use super::host::HostState;

/// The code that the next run begins with.
pub(super) struct Code(ArcSwap<Linked>);

/// Code with its imports resolved.
pub(super) struct Linked {
    pub(super) world: WorldPre<HostState>,
    pub(super) grade: Grade,
    /// The component that is still to be optimised.
    draft_of: Option<Arc<[u8]>>,
}

impl Code {
    /// Code of this grade, compiled from these bytes.
    pub(super) fn new(world: WorldPre<HostState>, grade: Grade, bytes: &Arc<[u8]>) -> Self {
        let draft_of = (grade == Grade::Draft).then(|| Arc::clone(bytes));
        Self(ArcSwap::from_pointee(Linked {
            world,
            grade,
            draft_of,
        }))
    }

    /// What a run that begins now runs.
    pub(super) fn linked(&self) -> Arc<Linked> {
        self.0.load_full()
    }

    /// How good it is.
    pub(super) fn grade(&self) -> Grade {
        self.0.load().grade
    }

    /// The component that is still to be optimised, if it is.
    pub(super) fn draft_of(&self) -> Option<Arc<[u8]>> {
        self.0.load().draft_of.clone()
    }

    /// Lets the runs that begin from now on use optimised code.
    pub(super) fn improve(&self, world: WorldPre<HostState>) {
        self.0.store(Arc::new(Linked {
            world,
            grade: Grade::Optimised,
            draft_of: None,
        }));
    }

    /// Leaves the code as it is for good, with no more processor time than other plugins have.
    pub(super) fn give_up(&self) {
        let world = self.0.load().world.clone();
        self.improve(world);
    }
}
