//! How a component differs from the world that Hookyard offers, in words: which import or export is
//! missing or has another type, with both types. Asked only when a component does not fit.

mod compare;
mod print;

use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Function, InterfaceId, Resolve, SourceMap, WorldId, WorldItem, WorldKey};

use self::compare::function_difference;
use self::print::Printer;

/// The interfaces as plugins' authors get them.
const OURS: [(&str, &str); 8] = [
    ("world.wit", include_str!("../../../wit/world.wit")),
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("manifest.wit", include_str!("../../../wit/manifest.wit")),
    ("config.wit", include_str!("../../../wit/config.wit")),
    ("log.wit", include_str!("../../../wit/log.wit")),
    ("state.wit", include_str!("../../../wit/state.wit")),
    ("secrets.wit", include_str!("../../../wit/secrets.wit")),
    ("processes.wit", include_str!("../../../wit/processes.wit")),
];
const WASI: [(&str, &str); 7] = [
    ("io.wit", include_str!("../../../wit/deps/io.wit")),
    ("clocks.wit", include_str!("../../../wit/deps/clocks.wit")),
    ("random.wit", include_str!("../../../wit/deps/random.wit")),
    ("cli.wit", include_str!("../../../wit/deps/cli.wit")),
    ("filesystem.wit", include_str!("../../../wit/deps/filesystem.wit")),
    ("sockets.wit", include_str!("../../../wit/deps/sockets.wit")),
    ("http.wit", include_str!("../../../wit/deps/http.wit")),
];

/// Differences that are told; the first mends most of the rest.
const MAX_DIFFERENCES: usize = 8;

/// One side of the comparison.
#[derive(Clone, Copy)]
struct Side<'a> {
    resolve: &'a Resolve,
    world: WorldId,
}

/// What differs, one per line; `None` when nothing does that can be told, or it is no component.
/// Takes a while: not for async threads.
pub(super) fn differences(component: &[u8]) -> Option<String> {
    let Ok(DecodedWasm::Component(resolve, world)) = decode(component) else {
        return None;
    };
    let theirs = Side {
        resolve: &resolve,
        world,
    };
    let (resolve, world) = ours()?;
    let ours = Side {
        resolve: &resolve,
        world,
    };
    let mut told = imports(theirs, ours);
    told.extend(exports(theirs, ours));
    told.truncate(MAX_DIFFERENCES);
    (!told.is_empty()).then(|| told.join("\n"))
}

/// The world as this build of Hookyard knows it.
fn ours() -> Option<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let group = |files: &[(&str, &str)]| {
        let mut map = SourceMap::default();
        for (name, text) in files {
            map.push_str(name, *text);
        }
        map.parse().ok()
    };
    let wasi = WASI.iter().map(|file| group(&[*file])).collect::<Option<_>>()?;
    let package = resolve.push_groups(group(&OURS)?, wasi).ok()?;
    let world = *resolve.packages[package].worlds.get("plugin")?;
    Some((resolve, world))
}

fn imports(theirs: Side<'_>, ours: Side<'_>) -> Vec<String> {
    let mut told = Vec::new();
    for (key, item) in &theirs.resolve.worlds[theirs.world].imports {
        // A type that the world's own functions use: judged with them.
        if let WorldItem::Type { .. } = item {
            continue;
        }
        let name = theirs.resolve.name_world_key(key);
        let Some((package, _)) = name.split_once('/') else {
            told.push(format!("it imports `{name}`, which Hookyard does not provide"));
            continue;
        };
        // WASI has more than the world names; the linker knows what is there.
        if package.starts_with("wasi:") {
            continue;
        }
        let (WorldItem::Interface { id, .. }, Some(ours_id)) = (item, interface(ours, &name)) else {
            told.push(match other_version(ours, &name) {
                Some(known) => format!("it imports `{name}`; this Hookyard has `{known}`"),
                None => format!("it imports `{name}`, which Hookyard does not provide"),
            });
            continue;
        };
        told.extend(interface_differences((theirs, *id), (ours, ours_id), &name));
    }
    told
}

/// The interface of our world's package with this whole name. All of the package's count: the types
/// of an interface may come with it.
fn interface(ours: Side<'_>, name: &str) -> Option<InterfaceId> {
    let known = ours.resolve.interfaces.iter();
    let mut known = known.filter(|(id, _)| ours.resolve.id_of(*id).as_deref() == Some(name));
    known.next().map(|(id, _)| id)
}

/// The same interface in the version that there is.
fn other_version(ours: Side<'_>, name: &str) -> Option<String> {
    let bare = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    let known = ours.resolve.interfaces.iter();
    let mut names = known.filter_map(|(id, _)| ours.resolve.id_of(id));
    names.find(|known| bare(known) == bare(name))
}

fn interface_differences(
    (theirs, their_id): (Side<'_>, InterfaceId),
    (ours, our_id): (Side<'_>, InterfaceId),
    name: &str,
) -> Vec<String> {
    let known = &ours.resolve.interfaces[our_id].functions;
    let wanted = &theirs.resolve.interfaces[their_id].functions;
    let differs = |(function, theirs_is): (&String, &Function)| match known.get(function) {
        None => Some(format!(
            "it imports the function `{function}` of `{name}`, which Hookyard's does not have"
        )),
        Some(ours_is) => {
            let place = format!("the import `{name}`, function `{function}`");
            function_difference((theirs, theirs_is), (ours, ours_is), &place)
        }
    };
    wanted.iter().filter_map(differs).collect()
}

fn exports(theirs: Side<'_>, ours: Side<'_>) -> Vec<String> {
    let exported = &theirs.resolve.worlds[theirs.world].exports;
    let wanted = &ours.resolve.worlds[ours.world].exports;
    let differs = |(key, item): (&WorldKey, &WorldItem)| {
        let name = ours.resolve.name_world_key(key);
        let WorldItem::Function(ours_is) = item else {
            return None;
        };
        match exported.get(key) {
            Some(WorldItem::Function(theirs_is)) => {
                let place = format!("the export `{name}`");
                function_difference((theirs, theirs_is), (ours, ours_is), &place)
            }
            _ => Some(format!(
                "it does not export `{name}: {}`; build it for the world hookyard:plugin/plugin@0.1.0",
                Printer::function(ours.resolve, ours_is)
            )),
        }
    };
    wanted.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_world_is_like_itself() {
        let (resolve, world) = ours().expect("our own world");
        let side = Side {
            resolve: &resolve,
            world,
        };
        assert_eq!(imports(side, side), [""; 0]);
        assert_eq!(exports(side, side), [""; 0]);
    }

    fn told(change: (&str, &str)) -> String {
        let mut theirs = Resolve::default();
        let mut map = SourceMap::default();
        for (name, text) in OURS {
            assert!(OURS.iter().any(|(_, text)| text.contains(change.0)), "{change:?}");
            map.push_str(name, text.replace(change.0, change.1));
        }
        let wasi = WASI.iter().map(|(name, text)| {
            let mut map = SourceMap::default();
            map.push_str(name, *text);
            map.parse().expect("WASI")
        });
        let package = theirs
            .push_groups(map.parse().expect("a changed world"), wasi.collect())
            .expect("a world");
        let world = theirs.packages[package].worlds["plugin"];
        let (resolve, our_world) = ours().expect("our own world");
        let theirs = Side {
            resolve: &theirs,
            world,
        };
        let ours = Side {
            resolve: &resolve,
            world: our_world,
        };
        let mut told = imports(theirs, ours);
        told.extend(exports(theirs, ours));
        told.join("\n")
    }

    #[test]
    fn a_difference_is_told_with_both_types() {
        let cases = [
            (
                (
                    "export handle: func(jobs: list<job>) -> list<result<outcome, failure>>;",
                    "export handle: func(jobs: list<job>) -> result<outcome, failure>;",
                ),
                "the export `handle`, result: the component has `result<record {",
            ),
            (
                (
                    "get: func(key: string) -> result<option<entry>, state-error>;",
                    "get: func(key: u32) -> result<option<entry>, state-error>;",
                ),
                "the import `hookyard:plugin/state@0.1.0`, function `get`, parameter `key`: the component has `u32`, \
                 Hookyard `string`",
            ),
            (
                ("version: u64,\n    }", "version: u32,\n    }"),
                "the import `hookyard:plugin/state@0.1.0`, function `get`, result, ok, value, field `version`: the \
                 component has `u32`, Hookyard `u64`",
            ),
            (
                ("delete: func(key: string)", "remove: func(key: string)"),
                "it imports the function `remove` of `hookyard:plugin/state@0.1.0`, which Hookyard's does not have",
            ),
            (
                ("package hookyard:plugin@0.1.0", "package hookyard:plugin@0.2.0"),
                "it imports `hookyard:plugin/types@0.2.0`; this Hookyard has `hookyard:plugin/types@0.1.0`",
            ),
            (
                ("    export describe: func() -> manifest;", ""),
                "it does not export `describe: func() -> manifest`",
            ),
        ];
        for (change, wanted) in cases {
            let told = told(change);
            assert!(told.contains(wanted), "{told}\nwanted: {wanted}");
        }
    }
}
