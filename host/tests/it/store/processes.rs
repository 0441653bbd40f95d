//! Stored scripts and their versions.

use hookyard::domain::id::ProcessId;
use hookyard::domain::page::PageRequest;
use hookyard::domain::process::{Process, ProcessWrite};
use hookyard::domain::time::Timestamp;

use super::{BASE, on_both};
use crate::support::stores::Fixture;

on_both!(
    they_come_by_code,
    each_change_is_a_version_that_outlives_the_process,
    a_code_is_taken_once,
    a_page_is_searched_without_regard_to_case,
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

fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(BASE.as_millis() + millis)
}

async fn they_come_by_code(fixture: &Fixture) {
    let store = &fixture.store;
    let sorted = ["B", "a", "a-b", "ab", "b"].map(|code| process(code, "print('\u{e9}')\n"));
    let mut reversed = sorted.to_vec();
    reversed.reverse();
    let writes = store.put_processes(&reversed, "ada").await.expect("written");
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
        store.put_processes(&again, "ada").await.expect("written"),
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
    store
        .put_processes(&[process("a", "one")], "ada")
        .await
        .expect("written");
    let second = Process {
        updated_at: later(1),
        ..process("a", "two")
    };
    store
        .put_processes(std::slice::from_ref(&second), "grace")
        .await
        .expect("written");
    store.put_processes(&[second], "nobody").await.expect("written");
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
    let all = ["Invoice", "in_voice", "other"].map(|code| process(code, "\u{e9}"));
    store.put_processes(&all, "ada").await.expect("written");
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
