//! `hookyard:plugin/log`.

use super::HostState;
use crate::domain::attempt::LogLevel;
use crate::wasm::abi::v0_1::log::{self, Level};

impl log::Host for HostState {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        if let Some(run) = &self.context {
            let level = match level {
                Level::Debug => LogLevel::Debug,
                Level::Info => LogLevel::Info,
                Level::Warn => LogLevel::Warn,
                Level::Error => LogLevel::Error,
            };
            run.recorder.line(level, &message);
        }
        Ok(())
    }
}
