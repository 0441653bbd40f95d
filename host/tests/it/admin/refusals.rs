//! What every form of the operators' pages refuses: other sessions, and roles that may not.

use super::browser::Browser;

/// Fails unless a form is refused without its session's token, and from whoever has a lesser role.
pub async fn assert_refused(path: &str, own: &Browser<'_>, lesser: &Browser<'_>, fields: &[(&str, &str)]) {
    for csrf in ["", "x", &lesser.csrf().await] {
        let mut all = vec![("csrf", csrf)];
        all.extend_from_slice(fields);
        let refused = own.post(path, &all).await.expect(403);
        assert!(
            refused.text.contains("another session"),
            "{path}: {}",
            refused.text
        );
    }
    let refused = lesser.submit(path, fields).await.expect(403);
    let why = "You do not have permission";
    assert!(refused.text.contains(why), "{path}: {}", refused.text);
    // A link does nothing.
    let asked = own.get(path).await;
    assert!(
        [200, 400, 405].contains(&asked.status.as_u16()),
        "{path}: {asked:?}"
    );
}

/// The value of the hidden field of this name.
pub fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .split_once(&start)
        .unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().expect("a value")
}
