//! Drive: finding, making, moving and sharing files.

use serde_json::{Value, json};
use standins::google::Role;

use crate::support::google::{Desk, SCOPES};

const SHEET: &str = "application/vnd.google-apps.spreadsheet";

fn list(q: &str, more: &str) -> String {
    let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
    format!("files?q={q}{more}")
}

async fn names(desk: &Desk, q: &str, more: &str) -> Vec<String> {
    let (status, answer) = desk.drive("GET", &list(q, more), None).await;
    assert_eq!(status, 200, "{q}: {answer}");
    let files = answer["files"].as_array().expect("files");
    files
        .iter()
        .map(|file| file["name"].as_str().expect("a name").to_owned())
        .collect()
}

const ALL: &str = "&supportsAllDrives=true&includeItemsFromAllDrives=true";

#[tokio::test]
async fn texts_may_stand_in_double_quotes() {
    let desk = Desk::new().await;
    let _id = desk
        .google
        .add_spreadsheet("Ada's sheet", &desk.google.service_account_email());
    assert_eq!(names(&desk, "name = \"Ada's sheet\"", "").await, ["Ada's sheet"]);
}

#[tokio::test]
async fn files_are_found_by_what_the_query_says() {
    let (desk, _, folder, _) = with_a_shared_drive().await;
    let _private = desk.google.add_spreadsheet("Private", "ada@example.com");
    assert_eq!(
        names(&desk, "", "").await,
        ["Events"],
        "nothing private, nothing of drives unasked"
    );
    assert_eq!(names(&desk, "", ALL).await.len(), 3);
    assert_eq!(
        names(
            &desk,
            &format!("'{folder}' in parents and mimeType = '{SHEET}'"),
            ALL
        )
        .await,
        ["Ada's sheet"]
    );
    assert_eq!(
        names(&desk, "name = 'Ada\\'s sheet' and trashed = false", ALL).await,
        ["Ada's sheet"]
    );
    assert_eq!(
        names(&desk, "name='Events' or name='Reports'", ALL).await.len(),
        2
    );
    assert_eq!(
        names(&desk, "not name contains 'ev' and mimeType != 'x'", ALL)
            .await
            .len(),
        2
    );
    assert!(names(&desk, "name = 'events'", "").await.is_empty());
    assert_eq!(
        names(
            &desk,
            "(name = 'Events' or trashed = true) and 'ada@example.com' in owners",
            ""
        )
        .await,
        ["Events"]
    );
    for q in [
        "name",
        "name = Events",
        "tea = 'x'",
        "name = 'x' and",
        "'x' in tea",
        "name = 'x",
    ] {
        let (status, answer) = desk.drive("GET", &list(q, ""), None).await;
        assert_eq!(
            (status, &answer["error"]["errors"][0]["location"]),
            (400, &json!("q")),
            "{q}"
        );
    }
    let (status, answer) = desk
        .drive("GET", &list("", "&includeItemsFromAllDrives=true"), None)
        .await;
    assert_eq!(
        (status, &answer["error"]["errors"][0]["reason"]),
        (403, &json!("teamDrivesParameterInvalid"))
    );
}

/// Three files: one of a person, two in a shared drive.
async fn with_a_shared_drive() -> (Desk, String, String, String) {
    let desk = Desk::new().await;
    let drive = desk.google.add_shared_drive("Team");
    let folder = desk.google.add_folder("Reports", "ada@example.com", Some(&drive));
    let inside = desk
        .google
        .add_spreadsheet_in("Ada's sheet", "ada@example.com", &folder);
    (desk, drive, folder, inside)
}

#[tokio::test]
async fn files_of_shared_drives_come_in_pages_and_one_by_one() {
    let (desk, drive, folder, inside) = with_a_shared_drive().await;
    let (_, first) = desk
        .drive(
            "GET",
            &list("", &format!("{ALL}&pageSize=2&fields=nextPageToken,files(id)")),
            None,
        )
        .await;
    assert_eq!(first["files"].as_array().map(Vec::len), Some(2));
    let token = first["nextPageToken"].as_str().expect("more");
    let (_, second) = desk
        .drive(
            "GET",
            &list(
                "",
                &format!("{ALL}&pageSize=2&pageToken={token}&fields=nextPageToken,files(id)"),
            ),
            None,
        )
        .await;
    assert_eq!(
        (second["files"].as_array().map(Vec::len), &second["nextPageToken"]),
        (Some(1), &Value::Null)
    );
    let (status, _) = desk.drive("GET", &format!("files/{inside}"), None).await;
    assert_eq!(
        status, 404,
        "a file of a shared drive shows with supportsAllDrives alone"
    );
    let (status, file) = desk
        .drive(
            "GET",
            &format!("files/{inside}?supportsAllDrives=true&fields=id,driveId,parents"),
            None,
        )
        .await;
    assert_eq!(
        (status, file),
        (200, json!({"id": inside, "driveId": drive, "parents": [folder]}))
    );
}

#[tokio::test]
async fn a_service_account_makes_files_in_shared_drives_alone() {
    let desk = Desk::new().await;
    let file = |parents: &[&str]| Some(json!({"name": "New", "mimeType": SHEET, "parents": parents}));
    let (status, answer) = desk
        .drive("POST", "files?supportsAllDrives=true", file(&[]))
        .await;
    assert_eq!(
        (status, &answer["error"]["errors"][0]["reason"]),
        (403, &json!("storageQuotaExceeded")),
        "{answer}"
    );
    let mine = desk.google.add_folder("Shared with it", "ada@example.com", None);
    assert!(desk.google.share(&mine, &desk.google.service_account_email()));
    assert_eq!(
        desk.drive("POST", "files", file(&[&mine])).await.0,
        403,
        "a folder of a person's drive does not help"
    );
    let drive = desk.google.add_shared_drive("Team");
    assert_eq!(
        desk.drive("POST", "files", file(&[&drive])).await.0,
        404,
        "without supportsAllDrives"
    );
    assert_eq!(
        desk.drive("POST", "files?supportsAllDrives=true", file(&["nowhere"]))
            .await
            .0,
        404
    );
    let (status, made) = desk
        .drive("POST", "files?supportsAllDrives=true", file(&[&drive]))
        .await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(
        (&made["kind"], &made["name"], &made["mimeType"]),
        (&json!("drive#file"), &json!("New"), &json!(SHEET))
    );
    let id = made["id"].as_str().expect("an id");
    assert_eq!(
        desk.google.spreadsheet(id).expect("a spreadsheet").sheets[0].title,
        "Sheet1"
    );
    assert_eq!(desk.google.spreadsheets_titled("New"), [id]);
    desk.google.set_accounts_own_files(true);
    assert_eq!(desk.drive("POST", "files", file(&[])).await.0, 200);
    assert!(
        desk.google
            .share_as(&drive, &desk.google.service_account_email(), Role::Reader)
    );
    let (status, answer) = desk
        .drive("POST", "files?supportsAllDrives=true", file(&[&drive]))
        .await;
    assert_eq!(
        (status, &answer["error"]["errors"][0]["reason"]),
        (403, &json!("insufficientFilePermissions"))
    );
}

#[tokio::test]
async fn files_are_shared_renamed_moved_and_deleted() {
    let mut desk = Desk::new().await;
    let path = |rest: &str| format!("files/{}{rest}", desk.id);
    let (status, made) = desk
        .drive(
            "POST",
            &path("/permissions"),
            Some(json!({"type": "user", "role": "writer", "emailAddress": "grace@example.com"})),
        )
        .await;
    assert_eq!((status, &made["role"]), (200, &json!("writer")), "{made}");
    let (_, all) = desk
        .drive(
            "GET",
            &path("/permissions?fields=permissions(emailAddress,role)"),
            None,
        )
        .await;
    assert_eq!(all["permissions"].as_array().map(Vec::len), Some(3), "{all}");
    for (body, reason) in [
        (json!({"type": "user", "role": "writer"}), "invalidSharingRequest"),
        (
            json!({"type": "user", "emailAddress": "x@example.com"}),
            "required",
        ),
        (
            json!({"type": "user", "role": "owner", "emailAddress": "x@example.com"}),
            "forbidden",
        ),
    ] {
        let (_, answer) = desk.drive("POST", &path("/permissions"), Some(body)).await;
        assert_eq!(answer["error"]["errors"][0]["reason"], reason, "{answer}");
    }
    let (status, answer) = desk
        .drive("POST", &path("/permissions"), Some(json!({"tea": 1})))
        .await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (
            400,
            &json!("Invalid JSON payload received. Unknown name \"tea\": Cannot find field.")
        )
    );
    let drive = desk.google.add_shared_drive("Team");
    let (status, moved) = desk
        .drive(
            "PATCH",
            &path(&format!(
                "?supportsAllDrives=true&addParents={drive}&fields=name,parents"
            )),
            Some(json!({"name": "Renamed"})),
        )
        .await;
    assert_eq!(
        (status, moved),
        (200, json!({"name": "Renamed", "parents": [drive]}))
    );
    assert_eq!(desk.google.spreadsheet(&desk.id).expect("it").title, "Renamed");
    assert_eq!(
        desk.drive("DELETE", &path("?supportsAllDrives=true"), None)
            .await
            .0,
        403,
        "a content manager does not delete"
    );
    desk.token = desk.google.issue_token("admin@example.com", &SCOPES);
    assert_eq!(
        desk.drive("DELETE", &path("?supportsAllDrives=true"), None)
            .await
            .0,
        204
    );
    let (status, answer) = desk.drive("GET", &path("?supportsAllDrives=true"), None).await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (404, &json!(format!("File not found: {}.", desk.id)))
    );
}

#[tokio::test]
async fn the_narrow_scope_sees_what_it_made() {
    let mut desk = Desk::new().await;
    let email = desk.google.service_account_email();
    desk.token = desk
        .google
        .issue_token(&email, &["https://www.googleapis.com/auth/drive.file"]);
    assert!(names(&desk, "", "").await.is_empty());
    let (status, answer) = crate::support::google::told(desk.request("GET", "")).await;
    assert_eq!((status, &answer["error"]["status"]), (404, &json!("NOT_FOUND")));
    let drive = desk.google.add_shared_drive("Team");
    let body = json!({"name": "Own", "mimeType": SHEET, "parents": [drive]});
    let path = "files?supportsAllDrives=true";
    let (status, _) = desk.drive("POST", path, Some(body.clone())).await;
    assert_eq!(status, 404, "a drive that a person made");
    let narrow = std::mem::replace(&mut desk.token, desk.google.issue_token(&email, &SCOPES));
    assert_eq!(desk.drive("POST", path, Some(body)).await.0, 200);
    desk.token = narrow;
    assert_eq!(names(&desk, "", ALL).await, ["Own"]);
    desk.token = desk
        .google
        .issue_token(&email, &["https://www.googleapis.com/auth/spreadsheets"]);
    let (status, answer) = desk.drive("GET", "files", None).await;
    assert_eq!(
        (status, &answer["error"]["errors"][0]["reason"]),
        (403, &json!("insufficientPermissions"))
    );
}
