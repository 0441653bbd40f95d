//! Stored scripts and their versions.

use hookyard::domain::id::ProcessId;
use hookyard::domain::page::PageRequest;
use hookyard::domain::process::{Process, ProcessChange, ProcessPut, ProcessWrite, PutMode};
use hookyard::domain::time::Timestamp;

use super::{BASE, on_both};
use crate::support::stores::Fixture;

on_both!(
    they_come_by_code,
    each_change_is_a_version_that_outlives_the_process,
    a_code_is_taken_once,
    a_page_is_searched_without_regard_to_case,
    a_put_without_a_name_keeps_the_name,
    a_trial_says_the_same_and_writes_nothing,
    two_changes_at_once_both_hold,
);

const FIRST: PageRequest = PageRequest { page: 1, size: 2 };

fn process(code: &str, script: &str) -> Process {
    Process {
        id: ProcessId::generate(),
        code: code.to_owned(),
        name: format!("Process {code}"),
        script: script.to_owned(),
        created_at: BASE,
        updated_at: BASE,
    }
}

/// The same, to be put.
fn put(process: &Process) -> ProcessPut {
    ProcessPut {
        id: process.id,
        code: process.code.clone(),
        name: Some(process.name.clone()),
        script: process.script.clone(),
        at: process.updated_at,
    }
}

async fn write(fixture: &Fixture, processes: &[Process], by: &str) -> Vec<ProcessWrite> {
    let puts: Vec<_> = processes.iter().map(put).collect();
    let written = fixture.store.put_processes(&puts, PutMode::Keep, by).await;
    written.expect("written")
}

fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(BASE.as_millis() + millis)
}

async fn they_come_by_code(fixture: &Fixture) {
    let store = &fixture.store;
    let sorted = ["B", "a", "a-b", "ab", "b"].map(|code| process(code, "print('\u{e9}')\n"));
    let mut reversed = sorted.to_vec();
    reversed.reverse();
    let writes = write(fixture, &reversed, "ada").await;
    assert_eq!(writes, [ProcessWrite::Created; 5]);
    assert_eq!(store.processes(None, 2).await.expect("listed"), sorted[..2]);
    assert_eq!(store.processes(Some("a"), 2).await.expect("listed"), sorted[2..4]);
    assert!(store.processes(Some("b"), 2).await.expect("listed").is_empty());

    let changed = Process {
        created_at: later(1),
        updated_at: later(1),
        ..process("B", "new")
    };
    let again = [changed.clone(), sorted[1].clone()];
    assert_eq!(
        write(fixture, &again, "ada").await,
        [ProcessWrite::Updated, ProcessWrite::Unchanged]
    );
    let want = Process {
        id: sorted[0].id,
        created_at: BASE,
        ..changed
    };
    assert_eq!(store.process("B").await.expect("read"), Some(want));
    assert_eq!(store.process("C").await.expect("read"), None);
}

async fn each_change_is_a_version_that_outlives_the_process(fixture: &Fixture) {
    let store = &fixture.store;
    write(fixture, &[process("a", "one")], "ada").await;
    let second = Process {
        updated_at: later(1),
        ..process("a", "two")
    };
    write(fixture, std::slice::from_ref(&second), "grace").await;
    write(fixture, &[second], "nobody").await;
    assert!(
        store
            .remove_process("a", later(2), "alan")
            .await
            .expect("removed")
    );
    assert!(
        !store
            .remove_process("a", later(3), "alan")
            .await
            .expect("removed")
    );
    let newest = store.process_versions("a", FIRST).await.expect("listed");
    assert_eq!(newest.total, 3);
    let told: Vec<_> = newest
        .items
        .iter()
        .map(|version| {
            (
                version.version,
                version.script.as_deref(),
                version.changed_by.as_str(),
            )
        })
        .collect();
    assert_eq!(told, [(3, None, "alan"), (2, Some("two"), "grace")]);
    assert_eq!(store.process_versions("b", FIRST).await.expect("listed").total, 0);
}

async fn a_code_is_taken_once(fixture: &Fixture) {
    let store = &fixture.store;
    assert!(
        store
            .create_process(&process("a", "one"), "ada")
            .await
            .expect("written")
    );
    assert!(
        !store
            .create_process(&process("a", "two"), "ada")
            .await
            .expect("written")
    );
    let kept = store.process("a").await.expect("read").expect("there");
    assert_eq!(kept.script, "one");
    assert_eq!(store.process_versions("a", FIRST).await.expect("listed").total, 1);
}

async fn a_page_is_searched_without_regard_to_case(fixture: &Fixture) {
    let store = &fixture.store;
    let all = ["Invoice", "in_voice", "\u{c4}rger"].map(|code| process(code, "\u{e9}"));
    write(fixture, &all, "ada").await;
    let umlaut = store.process_page(Some("\u{c4}r"), FIRST).await.expect("listed");
    assert_eq!((umlaut.total, umlaut.items[0].code.as_str()), (1, "\u{c4}rger"));
    let found = store.process_page(Some("iNVo"), FIRST).await.expect("listed");
    assert_eq!((found.total, found.items[0].code.as_str()), (1, "Invoice"));
    assert_eq!(found.items[0].size, 2, "bytes, not characters");
    assert_eq!(
        store
            .process_page(Some("n_v"), FIRST)
            .await
            .expect("listed")
            .total,
        1
    );
    assert_eq!(
        store.process_page(Some("%"), FIRST).await.expect("listed").total,
        0
    );
    let page = store.process_page(None, FIRST).await.expect("listed");
    assert_eq!((page.total, page.items.len()), (3, 2));
}

async fn a_put_without_a_name_keeps_the_name(fixture: &Fixture) {
    write(fixture, &[process("known", "one")], "ada").await;
    let unnamed = |code: &str, script: &str| ProcessPut {
        name: None,
        ..put(&process(code, script))
    };
    let puts = [unnamed("known", "two"), unnamed("new", "one")];
    let store = &fixture.store;
    let written = store
        .put_processes(&puts, PutMode::Keep, "ada")
        .await
        .expect("written");
    assert_eq!(written, [ProcessWrite::Updated, ProcessWrite::Created]);
    let again = store
        .put_processes(&puts, PutMode::Keep, "ada")
        .await
        .expect("written");
    assert_eq!(again, [ProcessWrite::Unchanged; 2]);
    let known = store.process("known").await.expect("read").expect("there");
    assert_eq!(
        (known.name.as_str(), known.script.as_str()),
        ("Process known", "two")
    );
    let new = store.process("new").await.expect("read").expect("there");
    assert_eq!(new.name, "new");
    let versions = store.process_versions("known", FIRST).await.expect("listed");
    assert_eq!(versions.items[0].name, "Process known");
}

async fn a_trial_says_the_same_and_writes_nothing(fixture: &Fixture) {
    let store = &fixture.store;
    write(fixture, &[process("a", "one"), process("b", "one")], "ada").await;
    let puts = [process("a", "one"), process("b", "two"), process("c", "one")].map(|process| put(&process));
    let tried = store
        .put_processes(&puts, PutMode::Try, "ada")
        .await
        .expect("tried");
    let want = [
        ProcessWrite::Unchanged,
        ProcessWrite::Updated,
        ProcessWrite::Created,
    ];
    assert_eq!(tried, want);
    assert_eq!(
        store.process("b").await.expect("read").expect("there").script,
        "one"
    );
    assert_eq!(store.process("c").await.expect("read"), None);
    let written = store
        .put_processes(&puts, PutMode::Keep, "ada")
        .await
        .expect("written");
    assert_eq!(written, want);
}

async fn two_changes_at_once_both_hold(fixture: &Fixture) {
    let store = &fixture.store;
    write(fixture, &[process("a", "one")], "ada").await;
    let (name, script) = (
        ProcessChange {
            name: Some("New".to_owned()),
            script: None,
        },
        ProcessChange {
            name: None,
            script: Some("two".to_owned()),
        },
    );
    let (first, second) = tokio::join!(
        store.change_process("a", &name, later(1), "ada"),
        store.change_process("a", &script, later(2), "grace"),
    );
    assert!(first.expect("changed").is_some() && second.expect("changed").is_some());
    let kept = store.process("a").await.expect("read").expect("there");
    assert_eq!((kept.name.as_str(), kept.script.as_str()), ("New", "two"));
    let same = store
        .change_process("a", &name, later(3), "alan")
        .await
        .expect("read");
    assert_eq!(
        same.expect("there").updated_at,
        kept.updated_at,
        "nothing changed"
    );
    assert_eq!(store.process_versions("a", FIRST).await.expect("listed").total, 3);
    let missing = store.change_process("b", &name, later(3), "alan").await;
    assert_eq!(missing.expect("read"), None);
}
