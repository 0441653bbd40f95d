//! From a component to machine code, in two grades.
//!
//! A draft is there in about half the time, and is what a saved build serves with at once; optimised code
//! is made afterwards, kept in the cache, and takes the draft's place. Both are code of one engine: what
//! differs between the compilers, how hard they try, is nothing that wasmtime's check of compiled code
//! minds.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm};

use super::cache::CodeCache;
use super::precompiled;

/// How much more processor time a run on a draft may use than a limit says, so that a plugin that needs
/// most of what it has does not fail for being new.
const DRAFT_ALLOWANCE: u32 = 4;

/// How much was done for the speed of compiled code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Compiled in haste; takes a multiple of the time to run.
    Draft,
    /// As good as the compiler makes it.
    Optimised,
}

impl Grade {
    /// The processor time that such code may use where this is the limit.
    pub(super) fn allows(self, cpu: Duration) -> Duration {
        match self {
            Self::Draft => cpu.saturating_mul(DRAFT_ALLOWANCE),
            Self::Optimised => cpu,
        }
    }

    /// Where that comes from, for people.
    pub(super) const fn allowed_by(self) -> &'static str {
        match self {
            Self::Draft => "four times limits.cpu, until its code is optimised",
            Self::Optimised => "limits.cpu",
        }
    }
}

/// The compilers, and what they made before.
pub(super) struct Compiler {
    /// Fast, on all processors: somebody waits.
    drafting: Engine,
    /// Thorough, on one processor: the others are left to the runs.
    optimising: Engine,
    cache: Option<CodeCache>,
}

impl Compiler {
    /// Compilers for an engine of this configuration, which has no pool of instances: nothing runs in
    /// theirs. With a data directory, optimised code is kept in its `cache`.
    pub(super) fn new(config: &Config, data_dir: Option<&Path>, engine: &Engine) -> wasmtime::Result<Self> {
        let mut drafting = config.clone();
        drafting
            .cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        let mut optimising = config.clone();
        optimising.parallel_compilation(false);
        Ok(Self {
            drafting: Engine::new(&drafting)?,
            optimising: Engine::new(&optimising)?,
            cache: data_dir.map(|dir| CodeCache::open(dir, engine)),
        })
    }

    /// The component of this digest: from the cache, or compiled now, on all processors, into this
    /// grade. Blocks.
    pub(super) fn component(
        &self,
        engine: &Engine,
        digest: &str,
        bytes: &[u8],
        grade: Grade,
    ) -> wasmtime::Result<(Component, Grade)> {
        if let Some(component) = self.cached(engine, digest) {
            return Ok((component, Grade::Optimised));
        }
        match grade {
            Grade::Draft => {
                let code = self.drafting.precompile_component(bytes)?;
                Ok((precompiled::load(engine, &code)?, Grade::Draft))
            }
            Grade::Optimised => {
                let component = Component::from_binary(engine, bytes)?;
                if self.cache.is_some() {
                    self.keep(digest, &component.serialize()?);
                }
                Ok((component, Grade::Optimised))
            }
        }
    }

    /// Compiles what serves as a draft once more, on one processor. Blocks for seconds.
    pub(super) fn optimise(
        &self,
        engine: &Engine,
        digest: &str,
        bytes: &[u8],
    ) -> wasmtime::Result<Component> {
        if let Some(component) = self.cached(engine, digest) {
            return Ok(component);
        }
        let code = self.optimising.precompile_component(bytes)?;
        let component = precompiled::load(engine, &code)?;
        self.keep(digest, &code);
        Ok(component)
    }

    /// Removes the compiled code of components that are not among these. Blocks.
    pub(super) fn sweep(&self, digests: &BTreeSet<String>) {
        if let Some(cache) = &self.cache {
            cache.sweep(digests);
        }
    }

    fn cached(&self, engine: &Engine, digest: &str) -> Option<Component> {
        self.cache.as_ref()?.load(engine, digest)
    }

    fn keep(&self, digest: &str, code: &[u8]) {
        if let Some(Err(error)) = self.cache.as_ref().map(|cache| cache.keep(digest, code)) {
            tracing::warn!(%error, digest, "compiled code could not be kept");
        }
    }
}
