use hookyard_plugin_sdk::processes::Process;

/// A stored process.
pub(crate) fn process(code: &str, script: &str) -> Process {
    Process {
        code: code.to_owned(),
        name: code.to_owned(),
        script: script.to_owned(),
        created_at: 1,
        updated_at: 1,
    }
}
