//! What one instance may have, tried on components that no compiler makes.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Component;

use super::{CpuMeter, Marks};
use crate::wasm::call;
use crate::wasm::engine::Runtime;
use crate::wasm::host::HostState;
use crate::wasm::record::Recorder;

/// A component that makes `count` instances of a core module.
fn component(module: &str, count: usize) -> String {
    let instances = "(core instance (instantiate $m))".repeat(count);
    format!("(component (core module $m {module}) {instances})")
}

async fn instantiate(runtime: &Runtime, text: &str) -> Result<(), String> {
    let bytes = wat::parse_str(text).expect("a component");
    let marks = Arc::new(Marks::default());
    let meter = CpuMeter::new(Duration::from_secs(5), Arc::clone(&marks));
    let recorder = Arc::new(Recorder::new(0, 0));
    let state = HostState::for_describe(recorder, 64 << 20, marks);
    let mut store = call::store(runtime.engine(), state, &meter);
    let told = |e: wasmtime::Error| format!("{e:#}");
    let component = Component::from_binary(runtime.engine(), &bytes).map_err(told)?;
    let made = runtime.linker().instantiate_async(&mut store, &component).await;
    made.map(drop).map_err(told)
}

#[tokio::test]
async fn what_is_more_than_an_instance_may_have_is_refused() {
    let runtime = Runtime::new().expect("a runtime");
    let small = component("(memory 1) (table 10 funcref)", 2);
    instantiate(&runtime, &small)
        .await
        .expect("two small modules fit");
    for (what, text) in [
        ("20 memories", component("(memory 1)", 20)),
        ("200 tables", component("(table 1 funcref)", 200)),
        ("1,000 instances", component("", 1_000)),
        (
            "a table of a million elements",
            component("(table 1000000 funcref)", 1),
        ),
        ("a memory of 125 MiB", component("(memory 2000)", 1)),
        ("memories of 80 MiB together", component("(memory 640)", 2)),
    ] {
        assert!(instantiate(&runtime, &text).await.is_err(), "{what}");
    }
}
