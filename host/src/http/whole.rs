//! What a request changes is changed to the end.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Problem;

/// Answers what may change something in a task of its own. A client that goes away and the limit of time end the wait
/// for it and not the work: a change would stand without its entry in the audit log.
pub(crate) async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Problem::internal(cancelled.to_string()).into_response(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::any;
    use tokio::sync::{Notify, oneshot};
    use tower::ServiceExt as _;

    use super::*;

    /// Tells how a handler ended: whether it came to its last line.
    struct Ending {
        told: Option<oneshot::Sender<bool>>,
        whole: bool,
    }

    impl Drop for Ending {
        fn drop(&mut self) {
            if let Some(told) = self.told.take() {
                let _nobody_waits = told.send(self.whole);
            }
        }
    }

    /// Whether a handler comes to its end whose client goes away in between.
    async fn ends_without_its_client(method: &str) -> bool {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (told, ended) = oneshot::channel();
        let told = Arc::new(Mutex::new(Some(told)));
        let handler = {
            let (begun, go_on) = (begun.clone(), go_on.clone());
            move || async move {
                let told = told.lock().expect("not poisoned").take();
                let mut ending = Ending { told, whole: false };
                begun.notify_one();
                go_on.notified().await;
                ending.whole = true;
            }
        };
        let router = Router::new().route("/", any(handler)).layer(from_fn(to_the_end));
        let request = Request::builder().method(method).uri("/").body(Body::empty());
        tokio::select! {
            _ = router.oneshot(request.expect("a request")) => panic!("it waits"),
            () = begun.notified() => {}
        }
        go_on.notify_one();
        ended.await.expect("it ends")
    }

    #[tokio::test]
    async fn what_may_change_something_outlives_its_client() {
        assert!(ends_without_its_client("POST").await);
        assert!(ends_without_its_client("DELETE").await);
        assert!(!ends_without_its_client("GET").await);
    }
}
