//! octocrab's way out: a tower service over the SDK's HTTP, which is `wasi:http` in a component.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hookyard_plugin_sdk::http::{Error, Request};
use http_body_util::{BodyExt as _, Full};
use octocrab::OctoBody;
use tower::Service;

/// Bytes of an answer: GitHub cuts a recursive tree at 7 MB.
/// <https://docs.github.com/en/rest/git/trees#get-a-tree>
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// How long one step may take: GitHub itself gives up on a request after 10 s, a tree of a
/// thousand new files among them.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Sends each request at once and waits for the whole answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outbound;

impl Service<http::Request<OctoBody>> for Outbound {
    type Response = http::Response<Full<Bytes>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<OctoBody>) -> Self::Future {
        Box::pin(send(request))
    }
}

async fn send(request: http::Request<OctoBody>) -> Result<http::Response<Full<Bytes>>, Error> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| Error::Malformed(error.to_string()))?
        .to_bytes();
    let address = parts.uri.to_string();
    // octocrab writes the question mark also before no parameters.
    let address = address.strip_suffix('?').unwrap_or(&address);
    let mut outgoing = Request::new(parts.method.as_str(), address)
        .body(body)
        .timeout(TIMEOUT)
        .max_body(MAX_ANSWER);
    for (name, value) in &parts.headers {
        let value = value
            .to_str()
            .map_err(|_| Error::Malformed(format!("the header {name} is not text")))?;
        outgoing = outgoing.header(name.as_str(), value);
    }
    let answer = outgoing.send()?;
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(answer.body.into()))
        .map_err(|error| Error::CutOff(format!("the answer's head is malformed: {error}")))
}
