//! A spreadsheet named by its title.

use serde_json::{Value, json};
use standins::fault::FaultKind;
use standins::google::{Options, Role};

use super::scene::{BATCH, GET, SHEET, Scene, below, columns};

const LIST: &str = "drive.files.list";

fn titled(more: &Value) -> Value {
    let mut config = json!({"spreadsheet": "New orders", "columns": columns()});
    for (name, value) in more.as_object().expect("an object") {
        config[name] = value.clone();
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_one_is_made_once_in_the_shared_drive_and_shared() {
    let mut drive = String::new();
    let scene = Scene::with(Options::default(), |google, _| {
        drive = google.add_shared_drive("Team");
        titled(&json!({"folder": drive, "share-with": ["grace@example.com"]}))
    })
    .await;
    let first = scene.send(&json!({"id": "A-1"})).await;
    let second = scene.send(&json!({"id": "A-2"})).await;
    scene.pipeline.wait_status(&first, "processed").await;
    scene.pipeline.wait_status(&second, "processed").await;
    let made = scene.google.spreadsheets_titled("New orders");
    let [id] = &*made else {
        panic!("one spreadsheet, not {made:?}");
    };
    let file = scene.google.file(id).expect("the file");
    let grace = file.permissions.iter().find(|own| own.who == "grace@example.com");
    assert_eq!(grace.map(|own| own.role), Some(Role::Writer), "{file:?}");
    let book = scene.google.spreadsheet(id).expect("the spreadsheet");
    assert_eq!(book.sheets.len(), 1, "Google's own first sheet has the name");
    let mut rows = below(book.sheet(SHEET).expect("the sheet"), 0);
    rows.sort_by_key(ToString::to_string);
    assert_eq!(rows, ["A-1", "A-2"]);
    // From now on the title costs nothing.
    scene.called();
    scene.done(&json!({"id": "A-3"})).await;
    assert_eq!(scene.called(), [GET, BATCH]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_google_refuses_holds_no_row_up() {
    let options = Options {
        accounts_own_files: true,
        ..Options::default()
    };
    let scene = Scene::with(options, |_, _| {
        titled(&json!({"share-with": ["nobody@example.com", "ada@example.com"]}))
    })
    .await;
    let share = "drive.permissions.create";
    scene.fault(share, FaultKind::Status { status: 400 }, 1);
    let event = scene.done(&json!({"id": "A-1"})).await;
    let logs = event["deliveries"][0]["attempts"][0]["logs"].to_string();
    assert!(
        logs.contains("sharing the spreadsheet") && logs.contains("in a day"),
        "{logs}"
    );
    assert_eq!(
        scene.called(),
        [LIST, "sheets.spreadsheets.create", share, share, BATCH]
    );
    let book = &scene.google.spreadsheets_titled("New orders")[0];
    let file = scene.google.file(book).expect("the file");
    assert!(
        file.permissions.iter().any(|own| own.who == "ada@example.com"),
        "the others have it"
    );
    scene.done(&json!({"id": "A-2"})).await;
    assert_eq!(scene.called(), [GET, BATCH], "it is not tried with every row");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_the_account_has_no_room_and_the_mend_is_told() {
    let scene = Scene::with(Options::default(), |_, _| titled(&json!({}))).await;
    let error = scene.refused(&json!({"id": "A-1"})).await;
    assert!(
        error.contains("Name a shared-drive folder in config.folder"),
        "{error}"
    );
    assert_eq!(scene.called(), [LIST, "sheets.spreadsheets.create"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_made_in_the_accounts_own_space_needs_no_read() {
    let options = Options {
        accounts_own_files: true,
        ..Options::default()
    };
    let scene = Scene::with(options, |_, _| {
        titled(&json!({"share-with": ["ada@example.com"]}))
    })
    .await;
    scene.done(&json!({"id": "A-1"})).await;
    let wanted = [
        LIST,
        "sheets.spreadsheets.create",
        "drive.permissions.create",
        BATCH,
    ];
    assert_eq!(scene.called(), wanted);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_a_person_made_and_shared_is_found() {
    let mut theirs = String::new();
    let scene = Scene::with(Options::default(), |google, _| {
        theirs = google.add_spreadsheet("New orders", "ada@example.com");
        assert!(google.share(&theirs, &google.service_account_email()));
        titled(&json!({}))
    })
    .await;
    scene.done(&json!({"id": "A-1"})).await;
    let book = scene.google.spreadsheet(&theirs).expect("the spreadsheet");
    assert_eq!(below(book.sheet(SHEET).expect("the sheet"), 0), ["A-1"]);
    assert_eq!(scene.google.spreadsheets_titled("New orders").len(), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_of_a_title_the_oldest_is_used_and_the_person_is_told() {
    let mut books = Vec::new();
    let scene = Scene::with(Options::default(), |google, _| {
        for _ in 0..2 {
            let book = google.add_spreadsheet("New orders", "ada@example.com");
            assert!(google.share(&book, &google.service_account_email()));
            books.push(book);
        }
        titled(&json!({}))
    })
    .await;
    let event = scene.done(&json!({"id": "A-1"})).await;
    let logs = event["deliveries"][0]["attempts"][0]["logs"].to_string();
    assert!(logs.contains("the oldest is used"), "{logs}");
    let oldest = scene.google.spreadsheet(&books[0]).expect("the spreadsheet");
    assert!(oldest.sheet(SHEET).is_some());
    let other = scene.google.spreadsheet(&books[1]).expect("the spreadsheet");
    assert!(other.sheet(SHEET).is_none());
    scene.end().await;
}
