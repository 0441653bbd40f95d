//! Components in OCI registries: artifacts with one layer of WebAssembly
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>), signed as cosign does
//! (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>).

use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use sha2::{Digest, Sha256};

use super::signature::Signed;
use super::{CONNECT_TIMEOUT, Fetched, MAX_COMPONENT_BYTES, MAX_SIGNATURE_BYTES};
use crate::domain::plugin::OciSource;
use crate::wasm::egress::install_crypto;

/// Media types of a component's layer: the artifact guidance's, and that of tools before it.
const WASM_LAYERS: [&str; 2] = ["application/wasm", "application/vnd.wasm.content.layer.v1+wasm"];
/// Where cosign puts a signature in the layer that it signs.
const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// Fetches the component of an artifact, and its signature when that is wanted.
pub(super) async fn fetch(
    source: &OciSource,
    auth: Option<&str>,
    with_signature: bool,
) -> Result<Fetched, String> {
    let repository = Repository::new(source, auth)?;
    let digest = format!("sha256:{}", source.digest);
    let manifest = repository.manifest(&repository.by_digest(&digest)).await?;
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
    let component = repository.blob(layer, MAX_COMPONENT_BYTES).await?;
    let signed = if with_signature {
        let signed = repository.signature(source).await;
        Some(signed.map_err(|why| format!("its signature: {why}"))?)
    } else {
        None
    };
    Ok(Fetched { component, signed })
}

/// A repository of a registry.
struct Repository {
    client: Client,
    auth: RegistryAuth,
    host: String,
    name: String,
}

impl Repository {
    fn new(source: &OciSource, auth: Option<&str>) -> Result<Self, String> {
        install_crypto();
        let protocol = if source.is_local() {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        };
        let client = Client::try_from(ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT_TIMEOUT),
            ..ClientConfig::default()
        });
        let basic =
            |(user, password): (&str, &str)| RegistryAuth::Basic(user.to_owned(), password.to_owned());
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            auth: auth
                .and_then(|auth| auth.split_once(':'))
                .map_or(RegistryAuth::Anonymous, basic),
            host: source.registry.clone(),
            name: source.repository.clone(),
        })
    }

    fn by_digest(&self, digest: &str) -> Reference {
        Reference::with_digest(self.host.clone(), self.name.clone(), digest.to_owned())
    }

    async fn manifest(&self, reference: &Reference) -> Result<OciImageManifest, String> {
        self.client
            .auth(reference, &self.auth, RegistryOperation::Pull)
            .await
            .map_err(|error| error.to_string())?;
        let accepted = [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ];
        let pulled = self
            .client
            .pull_manifest_raw(reference, &self.auth, &accepted)
            .await;
        let (bytes, _) = pulled.map_err(|error| error.to_string())?;
        if let Some(wanted) = reference.digest() {
            let found = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
            if found != wanted {
                return Err(format!("the registry sent a manifest with the digest {found}"));
            }
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("its manifest is malformed: {error}"))
    }

    async fn blob(&self, layer: &OciDescriptor, most: u64) -> Result<Vec<u8>, String> {
        if u64::try_from(layer.size).is_ok_and(|size| size > most) {
            return Err(format!("it is larger than {} KiB", most >> 10));
        }
        let reference = self.by_digest(&layer.digest);
        let mut bytes = Bounded {
            bytes: Vec::new(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
        };
        let pulled = self.client.pull_blob(&reference, layer, &mut bytes).await;
        pulled.map_err(|error| error.to_string())?;
        let found = format!("sha256:{}", hex::encode(Sha256::digest(&bytes.bytes)));
        if found != layer.digest {
            return Err(format!("the registry sent a layer with the digest {found}"));
        }
        Ok(bytes.bytes)
    }

    /// The signature that cosign keeps under the artifact's digest as a tag.
    async fn signature(&self, source: &OciSource) -> Result<Signed, String> {
        let tag = format!("sha256-{}.sig", source.digest);
        let reference = Reference::with_tag(self.host.clone(), self.name.clone(), tag);
        let manifest = self.manifest(&reference).await?;
        let mut layers = manifest.layers.iter();
        let signed = layers.find_map(|layer| {
            let annotations = layer.annotations.as_ref()?;
            Some((layer, annotations.get(SIGNATURE_ANNOTATION)?.clone()))
        });
        let (layer, signature) = signed.ok_or("there is none under the tag that cosign uses")?;
        let payload = self.blob(layer, MAX_SIGNATURE_BYTES).await?;
        let payload = String::from_utf8(payload).map_err(|_| "what it signs is not text".to_owned())?;
        Ok(Signed::payload(signature, payload))
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl tokio::io::AsyncWrite for Bounded {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
        next: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        if self.bytes.len() + next.len() > self.most {
            let error = std::io::Error::other("it is larger than the manifest says");
            return std::task::Poll::Ready(Err(error));
        }
        self.bytes.extend_from_slice(next);
        std::task::Poll::Ready(Ok(next.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
