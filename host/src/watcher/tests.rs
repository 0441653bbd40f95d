use super::*;

/// Longest wait for a change: a few polls.
const PATIENCE: Duration = Duration::from_secs(20);

async fn next(changes: &mut mpsc::Receiver<Change>) -> Change {
    let change = tokio::time::timeout(PATIENCE, changes.recv()).await;
    change.expect("a change in time").expect("a live watcher")
}

#[tokio::test]
async fn a_rename_a_write_in_place_and_a_swapped_link_are_seen() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("plugins.toml"), "").expect("written");
    std::fs::write(path("one.wasm"), "1").expect("written");
    std::fs::write(path("two.wasm"), "22").expect("written");
    std::os::unix::fs::symlink(path("one.wasm"), path("link.wasm")).expect("linked");
    let (watcher, mut changes) = Watcher::start(&path("plugins.toml")).expect("started");
    let name: PluginName = "echo".parse().expect("a name");
    watcher.watch_components(vec![(name.clone(), path("link.wasm"))]);
    assert_eq!(next(&mut changes).await, Change::Component(name.clone()));

    std::fs::write(path("new.toml"), "a = 1").expect("written");
    std::fs::rename(path("new.toml"), path("plugins.toml")).expect("renamed");
    assert_eq!(next(&mut changes).await, Change::PluginsFile);

    std::fs::write(path("one.wasm"), "longer").expect("written");
    assert_eq!(next(&mut changes).await, Change::Component(name.clone()));

    std::os::unix::fs::symlink(path("two.wasm"), path("swap")).expect("linked");
    std::fs::rename(path("swap"), path("link.wasm")).expect("renamed");
    assert_eq!(next(&mut changes).await, Change::Component(name));
}

#[tokio::test]
async fn without_the_system_the_poll_sees_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("plugins.toml");
    std::fs::write(&file, "").expect("written");
    let (watcher, mut changes) = Watcher::start(&file).expect("started");
    watcher.shared.lock().system = None;
    std::fs::write(&file, "a = 1").expect("written");
    assert_eq!(next(&mut changes).await, Change::PluginsFile);
}

/// Longer than the test may take: only the system can tell.
const NEVER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_write_that_leaves_size_and_time_as_they_were_is_seen() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("plugins.toml");
    std::fs::write(&file, "a = 1").expect("written");
    let modified = std::fs::metadata(&file).and_then(|seen| seen.modified());
    let modified = modified.expect("a time");
    let (_watcher, mut changes) = Watcher::start_at(&file, NEVER, NEVER).expect("started");
    std::fs::write(&file, "a = 2").expect("written");
    let open = std::fs::File::options().write(true).open(&file);
    open.and_then(|open| open.set_modified(modified))
        .expect("the old time");
    assert_eq!(next(&mut changes).await, Change::PluginsFile);
}

#[tokio::test]
async fn a_directory_that_is_made_anew_is_watched_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("plugins.toml");
    let components = dir.path().join("dist");
    let component = components.join("one.wasm");
    std::fs::write(&file, "").expect("written");
    std::fs::create_dir(&components).expect("made");
    std::fs::write(&component, "1").expect("written");
    let (watcher, mut changes) = Watcher::start_at(&file, NEVER, NEVER).expect("started");
    let told = Change::Component("echo".parse().expect("a name"));
    watcher.watch_components(vec![("echo".parse().expect("a name"), component.clone())]);
    assert_eq!(next(&mut changes).await, told);

    std::fs::remove_dir_all(&components).expect("removed");
    assert_eq!(next(&mut changes).await, told, "it is gone");
    std::fs::create_dir(&components).expect("made");
    std::fs::write(&component, "22").expect("written");
    assert_eq!(next(&mut changes).await, told, "it is back");
    std::fs::write(&component, "333").expect("written");
    assert_eq!(next(&mut changes).await, told, "the new directory is watched");

    std::fs::rename(&components, dir.path().join("old")).expect("renamed");
    std::fs::create_dir(&components).expect("made");
    std::fs::write(&component, "4444").expect("written");
    assert_eq!(next(&mut changes).await, told, "another in its place");
    std::fs::write(&component, "55555").expect("written");
    assert_eq!(next(&mut changes).await, told, "and that one is watched");
}

#[tokio::test]
async fn a_link_in_the_middle_of_the_path_that_is_swapped_is_seen() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    for version in ["v1", "v2"] {
        std::fs::create_dir_all(path(version)).expect("made");
        std::fs::write(path(version).join("x.wasm"), version).expect("written");
    }
    std::fs::create_dir(path("config")).expect("made");
    std::fs::write(path("config/plugins.toml"), "").expect("written");
    std::os::unix::fs::symlink("v1", path("current")).expect("linked");
    let (watcher, mut changes) =
        Watcher::start_at(&path("config/plugins.toml"), NEVER, NEVER).expect("started");
    let told = Change::Component("echo".parse().expect("a name"));
    watcher.watch_components(vec![("echo".parse().expect("a name"), path("current/x.wasm"))]);
    assert_eq!(next(&mut changes).await, told);

    std::os::unix::fs::symlink("v2", path("swap")).expect("linked");
    std::fs::rename(path("swap"), path("current")).expect("renamed");
    assert_eq!(next(&mut changes).await, told, "the link was swapped");
    std::fs::write(path("v2/x.wasm"), "in place").expect("written");
    assert_eq!(next(&mut changes).await, told, "where it leads now is watched");
}

#[test]
fn only_what_may_be_about_the_files_counts() {
    use notify::event::{CreateKind, Flag};
    let marks: BTreeSet<PathBuf> = ["/srv", "/srv/x.wasm"].map(PathBuf::from).into();
    let event = |kind: EventKind, path: &str| Ok(notify::Event::new(kind).add_path(PathBuf::from(path)));
    let modified = EventKind::Modify(ModifyKind::Any);
    assert!(counts(&event(modified, "/srv/x.wasm"), &marks));
    assert!(counts(
        &event(EventKind::Remove(notify::event::RemoveKind::Any), "/srv"),
        &marks
    ));
    assert!(!counts(
        &event(EventKind::Create(CreateKind::File), "/srv/log.txt"),
        &marks
    ));
    assert!(!counts(
        &event(EventKind::Access(AccessKind::Any), "/srv/x.wasm"),
        &marks
    ));
    let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
    assert!(counts(&event(closed, "/srv/x.wasm"), &marks));
    let lost = notify::Event::new(EventKind::Other).set_flag(Flag::Rescan);
    assert!(counts(&Ok(lost), &marks));
    assert!(counts(&Err(notify::Error::generic("lost")), &marks));
}

#[test]
fn a_file_that_its_writer_closed_or_that_was_moved_there_is_whole() {
    let whole = |kind| is_whole(&notify::Event::new(kind));
    assert!(whole(EventKind::Access(AccessKind::Close(AccessMode::Write))));
    assert!(whole(EventKind::Modify(ModifyKind::Name(RenameMode::To))));
    assert!(!whole(EventKind::Access(AccessKind::Close(AccessMode::Read))));
    assert!(!whole(EventKind::Modify(ModifyKind::Any)));
    assert!(!whole(EventKind::Modify(ModifyKind::Name(RenameMode::From))));
}

#[tokio::test]
async fn another_digest_is_told_when_nothing_else_shows_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("plugins.toml");
    std::fs::write(&file, "a = 1").expect("written");
    let (watcher, _changes) = Watcher::start_at(&file, NEVER, NEVER).expect("started");
    let shared = Arc::clone(&watcher.shared);
    drop(watcher);
    assert!(shared.look(true).is_empty());
    std::fs::write(&file, "a = 2").expect("written");
    let seen = look::file(&file);
    shared.lock().seen.insert(file, seen);
    assert!(shared.look(false).is_empty());
    assert_eq!(shared.look(true), [Change::PluginsFile].into());
}
