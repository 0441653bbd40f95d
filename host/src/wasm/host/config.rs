//! `hookyard:plugin/config`.

use super::HostState;
use crate::wasm::abi::v0_1::config;

impl config::Host for HostState {
    async fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self
            .context
            .as_ref()
            .map_or_else(|| "{}".to_owned(), |run| run.settings.config.clone()))
    }
}
