//! The bindings that `wit-bindgen` makes of `wit/`. What an author needs of them is re-exported at
//! the root of the crate.
#![expect(clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "plugin",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "hookyard_plugin_sdk::bindings",
    runtime_path: "::hookyard_plugin_sdk::wit_bindgen::rt",
    additional_derives: [PartialEq, Eq],
    // Holds a resource, which has no equality.
    additional_derives_ignore: ["stream-error"],
});
