//! The pages: `/` lists the spreadsheets and the requests with their verdicts; `/spreadsheets/d/{id}` shows the
//! grids. They load nothing from outside and run no script; whatever a cell holds arrives as text.

use std::fmt::Write;

use hyper::StatusCode;
use hyper::header::HeaderName;

use super::book::Spreadsheet;
use super::files::Mime;
use super::{Shared, table};
use crate::html::escape;
use crate::journal::RequestSeen;
use crate::wall::time_of_day;
use crate::wire::{Received, Reply};

const STYLE: &str = include_str!("page.css");

/// Nothing may be loaded or run, whatever a cell holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Requests shown, the newest first.
const REQUESTS_SHOWN: usize = 25;

/// Characters of a message shown beside a request.
const MESSAGE_SHOWN: usize = 300;

/// Draws a page; none when there is no such page.
pub fn answer(shared: &Shared, received: &Received) -> Option<Reply> {
    if received.path == "/" {
        return Some(home(shared));
    }
    let id = received.path.strip_prefix("/spreadsheets/d/")?;
    let id = id.split('/').next().unwrap_or_default();
    let state = shared.state();
    let Some(book) = state.books.get(id) else {
        return Some(Reply::text(
            StatusCode::NOT_FOUND,
            "there is no such spreadsheet\n",
        ));
    };
    Some(spreadsheet(book))
}

fn whole(title: &str, body: &str) -> Reply {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"5\"><title>{}</title><style>{STYLE}</style></head>\
         <body>{body}</body></html>",
        escape(title)
    );
    Reply::new(StatusCode::OK, "text/html; charset=utf-8", page)
        .with(HeaderName::from_static("content-security-policy"), POLICY)
}

fn home(shared: &Shared) -> Reply {
    let requests = shared.journal.requests();
    let state = shared.state();
    let mut out = String::from(
        "<header><span class=\"mark\" aria-hidden=\"true\"></span><h1>Google stand-in</h1>\
         <small>Nothing here leaves this machine.</small></header><main><h2>Spreadsheets</h2>",
    );
    let files = state.files.by_id.values();
    let mut files: Vec<_> = files.filter(|file| file.mime == Mime::SPREADSHEET).collect();
    files.sort_by_key(|file| file.number);
    if files.is_empty() {
        out.push_str(
            "<p class=\"empty\">No spreadsheet yet. One that is made appears within five seconds.</p>",
        );
    }
    out.push_str("<ul class=\"files\">");
    for file in files {
        let place = file
            .drive
            .as_ref()
            .and_then(|drive| state.files.drives.get(drive))
            .map_or_else(|| "My Drive".to_owned(), |drive| escape(&drive.name));
        let sheets = state.books.get(&file.id).map_or(0, |book| book.sheets.len());
        let shared_with: Vec<String> = file.permissions.iter().map(|known| escape(&known.who)).collect();
        let _ = write!(
            out,
            "<li><a href=\"/spreadsheets/d/{}\">{}</a><small>{place} · {sheets} sheet{} · {}</small></li>",
            escape(&file.id),
            escape(&file.name),
            if sheets == 1 { "" } else { "s" },
            shared_with.join(", "),
        );
    }
    out.push_str("</ul>");
    out.push_str(&verdicts(&requests));
    out.push_str("</main>");
    whole("Google stand-in", &out)
}

fn spreadsheet(book: &Spreadsheet) -> Reply {
    let mut out = format!(
        "<header><span class=\"mark\" aria-hidden=\"true\"></span><h1>{}</h1>\
         <small>{} · {}</small><a href=\"/\">All spreadsheets</a></header><nav>",
        escape(&book.title),
        escape(&book.locale),
        escape(&book.time_zone),
    );
    for sheet in &book.sheets {
        let class = if sheet.hidden { " class=\"out\"" } else { "" };
        let _ = write!(
            out,
            "<a href=\"#s{}\"{class}>{}</a>",
            sheet.id,
            escape(&sheet.title)
        );
    }
    out.push_str("</nav><main>");
    for sheet in &book.sheets {
        out.push_str(&table::html(sheet));
    }
    out.push_str("</main>");
    whole(&book.title, &out)
}

fn verdicts(requests: &[RequestSeen]) -> String {
    let mut out = format!("<h2>Requests ({})</h2>", requests.len());
    if requests.is_empty() {
        out.push_str("<p class=\"empty\">None yet.</p>");
        return out;
    }
    out.push_str(
        "<div class=\"scroll\"><table class=\"requests\"><tr><th>#<th>Time<th>Call<th>Answer<th>Verdict<th>Notes</tr>",
    );
    for request in requests.iter().rev().take(REQUESTS_SHOWN) {
        let status = request
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let verdict = match &request.error {
            None => "<span class=\"ok\">accepted</span>".to_owned(),
            Some(error) => {
                let error: String = error.chars().take(MESSAGE_SHOWN).collect();
                format!("<span class=\"no\">{}</span>", escape(&error))
            }
        };
        let fault = request.fault.iter().map(|fault| format!("fault: {fault}"));
        let notes: Vec<String> = request.warnings.iter().cloned().chain(fault).collect();
        let _ = write!(
            out,
            "<tr><td>{}<td>{}<td>{} {}<td>{status}<td>{verdict}<td>{}</tr>",
            request.number,
            time_of_day(request.at_micros),
            escape(&request.http_method),
            escape(&request.target),
            escape(&notes.join("; ")),
        );
    }
    out.push_str("</table></div>");
    out
}
