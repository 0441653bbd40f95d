//! What holds for PostgreSQL alone.

use hookyard::store;

use crate::support::postgres::{drop_database, fresh_database};

#[tokio::test]
async fn a_server_that_answers_before_the_disk_is_refused() {
    let Some(url) = fresh_database().await else { return };
    let separator = if url.contains('?') { '&' } else { '?' };
    let careless = format!("{url}{separator}options=-c%20synchronous_commit%3Doff");
    let error = store::open(&careless).await.err().expect("refused").to_string();
    assert!(error.contains("synchronous_commit is off"), "{error}");
    drop_database(&url).await;
}
