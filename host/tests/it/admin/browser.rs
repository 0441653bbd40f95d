//! A browser without JavaScript: it keeps cookies, and sends forms as browsers do.

use hookyard::domain::access::Role;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};

use crate::support::api::{Account, Answer, Api, send};

/// Where one signs in.
pub const SIGN_IN: &str = "/admin/sign-in/";

/// A browser at an interface.
pub struct Browser<'a> {
    pub api: &'a Api,
    /// Name and value of the session's cookie; empty before there is one.
    pub cookie: String,
    /// What it says of where its forms come from.
    pub origin: Option<String>,
}

impl<'a> Browser<'a> {
    /// One that knows nobody.
    pub fn new(api: &'a Api) -> Self {
        Self {
            api,
            cookie: String::new(),
            origin: Some(format!("http://{}", api.address)),
        }
    }

    /// One that is signed in as a new account of this role, named after it.
    pub async fn of(api: &'a Api, role: Role) -> Self {
        let account = api.account_of(&format!("the-{role}"), role).await;
        Self::signed_in(api, &account).await
    }

    /// One that is signed in to this account.
    pub async fn signed_in(api: &'a Api, account: &Account) -> Self {
        let mut browser = Self::new(api);
        let answer = browser.sign_in(account, "").await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }

    /// Sends the sign-in's form, and keeps the cookie it is given.
    pub async fn sign_in(&mut self, account: &Account, next: &str) -> Answer {
        let fields = [
            ("username", account.user.username.as_str()),
            ("password", account.password.as_str()),
            ("next", next),
        ];
        let answer = self.post(SIGN_IN, &fields).await;
        if answer.headers.contains_key(SET_COOKIE) {
            let cookie = answer.header("set-cookie").split(';').next();
            cookie.unwrap_or_default().clone_into(&mut self.cookie);
        }
        answer
    }

    /// A page.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.api.request(Method::GET, path).header(COOKIE, &self.cookie)).await
    }

    /// A page that must be there; its text.
    pub async fn page(&self, path: &str) -> String {
        self.get(path).await.expect(200).text
    }

    /// A form with these very fields.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let mut request = self
            .api
            .request(Method::POST, path)
            .header(COOKIE, &self.cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = &self.origin {
            request = request.header(ORIGIN, origin);
        }
        send(request.body(body.finish())).await
    }

    /// What the forms of this session carry.
    pub async fn csrf(&self) -> String {
        let page = self.page("/admin/events/").await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().expect("a value").to_owned()
    }

    /// A form of a page: with what its session's forms carry.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }
}
