//! How Google says no: `google.rpc.Status` as JSON, in the two dialects of Sheets and Drive.
//!
//! Source: <https://cloud.google.com/apis/design/errors> and
//! <https://developers.google.com/workspace/drive/api/guides/handle-errors>.

use hyper::StatusCode;
use serde_json::{Value, json};

/// A canonical code of `google.rpc.Code`, as far as Sheets and Drive answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong in itself.
    InvalidArgument,
    /// The system is not in the state that the request needs.
    FailedPrecondition,
    /// There is no valid token.
    Unauthenticated,
    /// The caller may not.
    PermissionDenied,
    /// There is no such thing.
    NotFound,
    /// It is there already, or changed meanwhile.
    Aborted,
    /// A quota is used up.
    ResourceExhausted,
    /// Google's own failure.
    Internal,
    /// The stand-in does not do this.
    Unimplemented,
    /// Google is overloaded.
    Unavailable,
    /// Google took too long.
    DeadlineExceeded,
}

impl Code {
    /// Every code with its name and HTTP status.
    const ALL: [(Self, &'static str, u16); 11] = [
        (Self::InvalidArgument, "INVALID_ARGUMENT", 400),
        (Self::FailedPrecondition, "FAILED_PRECONDITION", 400),
        (Self::Unauthenticated, "UNAUTHENTICATED", 401),
        (Self::PermissionDenied, "PERMISSION_DENIED", 403),
        (Self::NotFound, "NOT_FOUND", 404),
        (Self::Aborted, "ABORTED", 409),
        (Self::ResourceExhausted, "RESOURCE_EXHAUSTED", 429),
        (Self::Internal, "INTERNAL", 500),
        (Self::Unimplemented, "UNIMPLEMENTED", 501),
        (Self::Unavailable, "UNAVAILABLE", 503),
        (Self::DeadlineExceeded, "DEADLINE_EXCEEDED", 504),
    ];

    fn row(self) -> (&'static str, u16) {
        Self::ALL
            .iter()
            .find(|(code, _, _)| *code == self)
            .map_or(("INTERNAL", 500), |(_, name, status)| (name, *status))
    }

    /// Its name, such as `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status it is answered with.
    pub fn http(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(code, _, _)| *code)
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The canonical code.
    pub code: Code,
    /// What Google says to the developer.
    pub message: String,
    /// Machine-readable details of Sheets.
    pub details: Vec<Value>,
    /// Drive's word, such as `notFound`; empty: the code's usual one.
    pub reason: &'static str,
    /// Drive's place: kind (`parameter`, `header`) and name.
    pub location: Option<(&'static str, &'static str)>,
    /// What only the journal says, since Google has no word for it.
    pub note: Option<Box<str>>,
}

/// What a call comes to.
pub type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            reason: "",
            location: None,
            note: None,
        }
    }

    /// 400.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// 400 with one violation per line of the message.
    pub fn violations(violations: &[(String, String)]) -> Self {
        let lines: Vec<&str> = violations.iter().map(|(_, text)| text.as_str()).collect();
        let listed: Vec<Value> = violations
            .iter()
            .map(|(field, text)| match field.as_str() {
                "" => json!({ "description": text }),
                field => json!({ "field": field, "description": text }),
            })
            .collect();
        let detail = json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": listed});
        Self {
            details: vec![detail],
            ..Self::invalid(lines.join("\n"))
        }
    }

    /// 404 as Sheets words it.
    pub fn no_spreadsheet() -> Self {
        Self::new(Code::NotFound, "Requested entity was not found.")
    }

    /// 403 as Sheets words it.
    pub fn denied() -> Self {
        Self::new(Code::PermissionDenied, "The caller does not have permission")
    }

    /// 404 as Drive words it.
    pub fn no_file(id: &str) -> Self {
        Self {
            reason: "notFound",
            location: Some(("parameter", "fileId")),
            ..Self::new(Code::NotFound, format!("File not found: {id}."))
        }
    }

    /// The stand-in does not do what Google would; said aloud, never ignored.
    pub fn unimplemented(what: &str) -> Self {
        Self {
            note: Some(format!("the stand-in does not serve {what}; Google does").into()),
            ..Self::new(
                Code::Unimplemented,
                format!("The stand-in does not serve {what}; nothing was changed."),
            )
        }
    }

    /// With Drive's word.
    pub fn reason(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// With Drive's place.
    pub fn at(self, kind: &'static str, name: &'static str) -> Self {
        Self {
            location: Some((kind, name)),
            ..self
        }
    }

    /// With an `ErrorInfo` of Google's common machinery.
    pub fn info(mut self, reason: &str, domain: &str, metadata: &Value) -> Self {
        self.details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": domain,
            "metadata": metadata,
        }));
        self
    }

    /// The body in Sheets' dialect.
    pub fn sheets_body(&self) -> Value {
        let mut error = json!({
            "code": self.code.http().as_u16(),
            "message": self.message,
            "status": self.code.name(),
        });
        if !self.details.is_empty() {
            error["details"] = json!(self.details);
        }
        json!({ "error": error })
    }

    /// The body in Drive's dialect.
    pub fn drive_body(&self) -> Value {
        let reason = match (self.reason, self.code) {
            ("", Code::InvalidArgument) => "badRequest",
            ("", Code::Unauthenticated) => "authError",
            ("", Code::PermissionDenied) => "forbidden",
            ("", Code::NotFound) => "notFound",
            ("", Code::ResourceExhausted) => "rateLimitExceeded",
            ("", _) => "backendError",
            (reason, _) => reason,
        };
        let domain = if reason.ends_with("LimitExceeded") {
            "usageLimits"
        } else {
            "global"
        };
        let mut item = json!({"message": self.message, "domain": domain, "reason": reason});
        if let Some((kind, name)) = self.location {
            item["locationType"] = json!(kind);
            item["location"] = json!(name);
        }
        let mut body = self.sheets_body();
        body["error"]["errors"] = json!([item]);
        if self.details.is_empty()
            && let Some(error) = body["error"].as_object_mut()
        {
            error.remove("status");
        }
        body
    }
}
