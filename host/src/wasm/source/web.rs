//! Components by HTTPS. The operator names the address, so that it may be any; the digest says what
//! must be there.

use url::Url;

use super::get::{self, body, client};
use super::signature::Signed;
use super::{Fetched, MAX_COMPONENT_BYTES, MAX_SIGNATURE_BYTES, Wanted};

/// Fetches a component, and the signature at `URL.sig`.
pub(super) async fn fetch(url: &Url, wanted: Wanted) -> Result<Fetched, String> {
    let client = client(url.scheme() == "https")?;
    let mut fetched = Fetched::default();
    if wanted.component {
        let answer = client.get(url.clone()).send().await.map_err(get::told)?;
        fetched.component = Some(body(answer, MAX_COMPONENT_BYTES).await?);
    }
    if wanted.signatures {
        let mut beside = url.clone();
        beside.set_path(&format!("{}.sig", url.path()));
        let text = async {
            let answer = client.get(beside).send().await.map_err(get::told)?;
            body(answer, MAX_SIGNATURE_BYTES).await
        };
        let text = text.await.map_err(|why| format!("its signature: {why}"))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        fetched.signatures.push(Signed::bytes(text));
    }
    Ok(fetched)
}
