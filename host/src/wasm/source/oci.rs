//! Components in OCI registries: artifacts with one layer of WebAssembly
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>), signed as cosign does
//! (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>).

mod repository;

use self::repository::{Layer, Repository};
use super::signature::Signed;
use super::{Fetched, MAX_COMPONENT_BYTES, MAX_SIGNATURE_BYTES, Wanted};
use crate::domain::plugin::OciSource;
use crate::secret::RegistryLogins;

/// Media types of a component's layer: the artifact guidance's, and that of tools before it.
const WASM_LAYERS: [&str; 2] = ["application/wasm", "application/vnd.wasm.content.layer.v1+wasm"];
/// Where cosign puts a signature in the layer that it signs.
const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// Most signatures of an artifact that are looked at: one per key that signed it, and a few rounds of
/// signing.
const MAX_SIGNATURES: usize = 16;

/// Fetches the component of an artifact, and its signatures.
pub(super) async fn fetch(
    source: &OciSource,
    logins: &RegistryLogins,
    wanted: Wanted,
) -> Result<Fetched, String> {
    let mut repository = Repository::new(source, logins)?;
    let mut fetched = Fetched::default();
    if wanted.component {
        fetched.component = Some(component(&mut repository, source).await?);
    }
    if wanted.signatures {
        let signatures = signatures(&mut repository, source).await;
        fetched.signatures = signatures.map_err(|why| format!("its signature: {why}"))?;
    }
    Ok(fetched)
}

async fn component(repository: &mut Repository<'_>, source: &OciSource) -> Result<Vec<u8>, String> {
    let manifest = repository.manifest_of(&source.digest).await?;
    let [layer] = &manifest.layers[..] else {
        return Err(format!(
            "the artifact has {} layers, and a component has one",
            manifest.layers.len()
        ));
    };
    if !WASM_LAYERS.contains(&layer.media_type.as_str()) {
        return Err(format!(
            "its layer is {}, and a component's is application/wasm",
            layer.media_type
        ));
    }
    repository.blob(layer, MAX_COMPONENT_BYTES).await
}

/// The signatures that cosign keeps under the artifact's digest as a tag: a layer for each.
async fn signatures(repository: &mut Repository<'_>, source: &OciSource) -> Result<Vec<Signed>, String> {
    let manifest = repository
        .manifest_tagged(&format!("sha256-{}.sig", source.digest))
        .await?;
    let annotation = |layer: &Layer| layer.annotations.as_ref()?.get(SIGNATURE_ANNOTATION).cloned();
    let mut signatures = Vec::new();
    for layer in &manifest.layers {
        let Some(signature) = annotation(layer) else {
            continue;
        };
        if signatures.len() == MAX_SIGNATURES {
            break;
        }
        let payload = repository.blob(layer, MAX_SIGNATURE_BYTES).await?;
        // What is no text is no claim, and the others may be.
        if let Ok(payload) = String::from_utf8(payload) {
            signatures.push(Signed::payload(signature, payload));
        }
    }
    if signatures.is_empty() {
        return Err("there is none under the tag that cosign uses".to_owned());
    }
    Ok(signatures)
}
