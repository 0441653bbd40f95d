//! A repository of a registry, read as the distribution specification has it
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>). Every answer is bounded.

mod sign_in;

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::plugin::OciSource;
use crate::secret::RegistryLogins;
use crate::wasm::source::get;

/// Largest manifest, in bytes: what the specification asks registries to take.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// The manifests that are understood: both have layers.
const MANIFESTS: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// What is read of a manifest.
#[derive(Deserialize)]
pub(super) struct Manifest {
    pub(super) layers: Vec<Layer>,
}

/// One of its layers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer {
    pub(super) media_type: String,
    digest: String,
    /// Bytes, as the manifest says.
    size: u64,
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// A repository, signed in to when it first asks for that.
pub(super) struct Repository<'a> {
    client: Client,
    source: &'a OciSource,
    logins: &'a RegistryLogins,
    authorization: Option<HeaderValue>,
}

impl<'a> Repository<'a> {
    pub(super) fn new(source: &'a OciSource, logins: &'a RegistryLogins) -> Result<Self, String> {
        Ok(Self {
            client: get::client(!source.is_local())?,
            source,
            logins,
            authorization: None,
        })
    }

    /// The manifest with this SHA-256, in hex.
    pub(super) async fn manifest_of(&mut self, digest: &str) -> Result<Manifest, String> {
        let bytes = self.manifest(&format!("sha256:{digest}")).await?;
        let found = hex::encode(Sha256::digest(&bytes));
        if found != digest {
            return Err(format!(
                "the registry sent a manifest with the digest sha256:{found}"
            ));
        }
        parsed(&bytes)
    }

    /// The manifest that this tag names, whichever that is.
    pub(super) async fn manifest_tagged(&mut self, tag: &str) -> Result<Manifest, String> {
        parsed(&self.manifest(tag).await?)
    }

    async fn manifest(&mut self, reference: &str) -> Result<Vec<u8>, String> {
        self.get(&format!("manifests/{reference}"), MANIFESTS, MAX_MANIFEST_BYTES)
            .await
    }

    /// The bytes of a layer, at most so many.
    pub(super) async fn blob(&mut self, layer: &Layer, most: u64) -> Result<Vec<u8>, String> {
        if layer.size > most {
            return Err(format!("it is larger than {} KiB", most >> 10));
        }
        let digest = layer.digest.strip_prefix("sha256:").unwrap_or_default();
        if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!(
                "its layer has the digest {}, which is no SHA-256",
                layer.digest
            ));
        }
        let bytes = self.get(&format!("blobs/sha256:{digest}"), "*/*", most).await?;
        let found = hex::encode(Sha256::digest(&bytes));
        if found != digest {
            return Err(format!(
                "the registry sent a layer with the digest sha256:{found}"
            ));
        }
        Ok(bytes)
    }

    async fn get(&mut self, path: &str, accept: &'static str, most: u64) -> Result<Vec<u8>, String> {
        let mut answer = self.ask(path, accept).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            let authorization = self.sign_in(answer.headers()).await?;
            self.authorization = Some(authorization);
            answer = self.ask(path, accept).await?;
        }
        if answer.status() == StatusCode::UNAUTHORIZED && self.logins.of(&self.source.registry).is_none() {
            return Err(format!(
                "the registry asks for a sign-in: set {}={}=USER:PASSWORD",
                RegistryLogins::VARIABLE,
                self.source.registry
            ));
        }
        get::body(answer, most).await
    }

    async fn ask(&self, path: &str, accept: &'static str) -> Result<Response, String> {
        let scheme = if self.source.is_local() { "http" } else { "https" };
        // Where Docker Hub has its registry; the name itself is a website.
        let host = match self.source.registry.as_str() {
            "docker.io" => "registry-1.docker.io",
            registry => registry,
        };
        let url = format!("{scheme}://{host}/v2/{}/{path}", self.source.repository);
        let mut request = self.client.get(url).header(ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        request.send().await.map_err(get::told)
    }
}

fn parsed(bytes: &[u8]) -> Result<Manifest, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("its manifest is malformed: {error}"))
}
