//! A plugin that brings more memories than an instance may have.

use hookyard::environment::Environment;
use hookyard::wasm::PluginState;

use crate::support::plugins::{Yard, component, spec};

/// Bytes of a component's preamble (component model, binary format).
const PREAMBLE: usize = 8;
/// A core module, and instances of them, as sections of a component (the same).
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;

/// `(module (memory 1))`: preamble, then section 5 of three bytes: one memory, no maximum, one page
/// (Core Specification, 5.5.8).
const MODULE: [u8; 13] = *b"\0asm\x01\0\0\0\x05\x03\x01\0\x01";

/// An unsigned LEB128 number and how many bytes it takes (Core Specification, 5.2.2).
fn number(bytes: &[u8]) -> (usize, usize) {
    let (mut value, mut length) = (0, 0);
    for byte in bytes {
        value |= usize::from(byte & 0x7f) << (7 * length);
        length += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (value, length)
}

/// The core modules that a component holds itself.
fn modules(component: &[u8]) -> u8 {
    let (mut at, mut found) = (PREAMBLE, 0);
    while at < component.len() {
        found += u8::from(component[at] == CORE_MODULE);
        let (size, length) = number(&component[at + 1..]);
        at += 1 + length + size;
    }
    found
}

/// The same plugin with a module of one memory, and this many instances of it, which nothing uses.
fn with_memories(plugin: &[u8], count: u8) -> Vec<u8> {
    let module = modules(plugin);
    assert!(module < 0x80 && count < 0x2a, "lengths of one byte");
    let length = u8::try_from(MODULE.len()).expect("a short module");
    let mut bytes = plugin.to_vec();
    bytes.extend([CORE_MODULE, length]);
    bytes.extend(MODULE);
    bytes.extend([CORE_INSTANCE, 1 + 3 * count, count]);
    for _ in 0..count {
        // Instantiate the module with no arguments.
        bytes.extend([0, module, 0]);
    }
    bytes
}

#[tokio::test]
async fn a_plugin_with_many_memories_is_not_loaded_and_one_with_few_is() {
    let plugin = std::fs::read(component("echo")).expect("read");
    let yard = Yard::new(Environment::default()).await;
    let file = yard.dir.path().join("memories.wasm");
    std::fs::write(&file, with_memories(&plugin, 2)).expect("written");
    let status = yard.apply(spec("memories", file.clone())).await;
    assert_eq!(status.state, PluginState::Ready, "{status:?}");

    std::fs::write(&file, with_memories(&plugin, 20)).expect("written");
    let status = yard.apply(spec("memories", file)).await;
    assert_eq!(status.state, PluginState::LastGood, "{status:?}");
    let error = status.error.expect("a reason");
    assert!(
        error.contains("memories") && error.contains("maximum of 8"),
        "{error}"
    );
}
