//! What all pages share: the frame around their content.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

use super::assets;
use super::guard::MayLook;
use super::visit::{LIVE, Visit};
use crate::domain::access::Right;
use crate::http::Problem;
use crate::http::observe::ForPeople;

/// The parts of the admin, as the navigation has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Overview,
    Events,
    DeadLetters,
    Rejected,
    Plugins,
    Schedules,
    Processes,
    Sources,
    Users,
    Keys,
    Audit,
    Settings,
    /// None of them: the sign-in, an error.
    Outside,
}

/// A link of the navigation.
pub struct NavLink {
    pub href: String,
    pub label: &'static str,
    /// What is shown lies there.
    pub is_current: bool,
}

/// Who is signed in, as pages show it.
pub struct Person {
    pub name: String,
    pub role: &'static str,
    /// Whether forms that change something are of use.
    pub may_act: bool,
    /// Whether accounts, keys, the audit log and the settings are theirs to see.
    pub may_manage: bool,
}

/// The frame of one page.
pub struct Layout {
    pub title: String,
    /// What comes before `/admin/` in links.
    pub root: String,
    /// The theme's word.
    pub theme: &'static str,
    /// Path and query of this page.
    pub here: String,
    pub person: Option<Person>,
    /// What every form carries; empty where nobody is signed in.
    pub csrf: String,
    pub section: Section,
    /// Where the page is told what changed since it was made.
    pub live: Option<String>,
}

impl Layout {
    /// A page for somebody who is signed in.
    #[must_use]
    pub fn of(by: &MayLook, section: Section, title: impl Into<String>) -> Self {
        let user = by.user();
        Self {
            person: Some(Person {
                name: user.username.clone(),
                role: user.role.as_str(),
                may_act: user.may(Right::Operate),
                may_manage: user.may(Right::Administer),
            }),
            csrf: by.session.token.csrf(),
            section,
            live: Some(by.visit.link(&format!("{LIVE}?since={}", by.mark))),
            ..Self::outside(&by.visit, title)
        }
    }

    /// A page for anybody.
    #[must_use]
    pub fn outside(visit: &Visit, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            root: visit.root.clone(),
            theme: visit.theme.as_str(),
            here: visit.here.clone(),
            person: None,
            csrf: String::new(),
            section: Section::Outside,
            live: None,
        }
    }

    /// The navigation.
    #[must_use]
    pub fn nav(&self) -> Vec<NavLink> {
        let links = [
            ("/admin/", "Overview", Section::Overview),
            ("/admin/events/", "Events", Section::Events),
            ("/admin/dead-letters/", "Dead letters", Section::DeadLetters),
            ("/admin/rejected/", "Rejected", Section::Rejected),
            ("/admin/plugins/", "Plugins", Section::Plugins),
            ("/admin/schedules/", "Schedules", Section::Schedules),
            ("/admin/processes/", "Processes", Section::Processes),
            ("/admin/sources/", "Sources", Section::Sources),
        ];
        let of_admins = [
            ("/admin/users/", "Users", Section::Users),
            ("/admin/keys/", "API keys", Section::Keys),
            ("/admin/audit/", "Audit log", Section::Audit),
            ("/admin/settings/", "Settings", Section::Settings),
        ];
        let of_admins = of_admins.into_iter().filter(|_| self.may_manage());
        let links = links.into_iter().chain(of_admins);
        links
            .map(|(path, label, section)| NavLink {
                href: self.link(path),
                label,
                is_current: section == self.section,
            })
            .collect()
    }

    /// The address of a page.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The address of a file that pages load.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        self.link(&assets::path(name))
    }

    /// This page's own address, for parts that ask for themselves anew.
    #[must_use]
    pub fn self_link(&self) -> String {
        self.link(&self.here)
    }

    /// Whether forms that change something are of use to who looks.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.may_act)
    }

    /// Whether the pages of admins are of use to who looks.
    #[must_use]
    pub fn may_manage(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.may_manage)
    }
}

/// Renders a page.
pub fn render(page: &impl Template) -> Result<Response, Problem> {
    answer(StatusCode::OK, page)
}

/// Renders a page with this status.
pub fn answer(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    let text = page
        .render()
        .map_err(|error| Problem::internal(format!("a page cannot be rendered: {error}")))?;
    let mut response = (status, Html(text)).into_response();
    response.extensions_mut().insert(ForPeople);
    Ok(response)
}
