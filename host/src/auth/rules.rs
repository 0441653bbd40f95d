//! What an account must look like. The texts are those of the service this one replaces, whose
//! clients show them to people.

use std::collections::BTreeMap;
use std::fmt;

use super::NewAccount;
use crate::secret::Secret;

/// Fewest characters of a password.
pub const MIN_PASSWORD_CHARS: usize = 8;
/// Most bytes of a password: no passphrase comes near, and a hash of more is only a burden.
pub const MAX_PASSWORD_BYTES: usize = 1024;
/// Most characters of a username.
pub const MAX_USERNAME_CHARS: usize = 150;
/// Most characters of a first or last name.
pub const MAX_PERSON_NAME_CHARS: usize = 150;
/// Most bytes of an e-mail address (RFC 5321 section 4.5.3.1.3, less the brackets).
pub const MAX_EMAIL_BYTES: usize = 254;

/// A name shorter than this may occur in a password: `al` is in too many good ones.
const MIN_TELLING_CHARS: usize = 4;

/// The most used passwords of eight and more characters, one a line, in lower case.
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// What is wrong with a form, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<&'static str, Vec<String>>);

impl FieldErrors {
    /// One wrong field.
    #[must_use]
    pub fn one(field: &'static str, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds what is wrong with a field.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.entry(field).or_default().push(message.into());
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: Self) {
        for (field, messages) in other.0 {
            self.0.entry(field).or_default().extend(messages);
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields in order of name, with what is wrong with each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        self.0
            .iter()
            .map(|(field, messages)| (*field, messages.as_slice()))
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (field, messages)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{field}: {}", messages.join(" "))?;
        }
        Ok(())
    }
}

/// The account with its texts trimmed, or all that is wrong with it.
pub(super) fn check_account(account: NewAccount) -> Result<NewAccount, FieldErrors> {
    let account = NewAccount {
        username: account.username.trim().to_owned(),
        email: account.email.trim().to_owned(),
        first_name: account.first_name.trim().to_owned(),
        last_name: account.last_name.trim().to_owned(),
        ..account
    };
    let mut errors = FieldErrors::default();
    check_username(&account.username, &mut errors);
    check_email(&account.email, &mut errors);
    check_person_name("first_name", &account.first_name, &mut errors);
    check_person_name("last_name", &account.last_name, &mut errors);
    if let Err(wrong) = check_password(&account.password, &account.username, &account.email) {
        errors.merge(wrong);
    }
    if errors.is_empty() {
        Ok(account)
    } else {
        Err(errors)
    }
}

fn check_username(name: &str, errors: &mut FieldErrors) {
    if name.is_empty() {
        errors.add("username", "This field may not be blank.");
    } else if name.chars().count() > MAX_USERNAME_CHARS {
        errors.add(
            "username",
            format!("Ensure this field has no more than {MAX_USERNAME_CHARS} characters."),
        );
    } else if !name.chars().all(|c| c.is_alphanumeric() || "@.+-_".contains(c)) {
        errors.add(
            "username",
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.",
        );
    }
}

/// Only the shape: whether mail arrives there, only mail can tell.
fn check_email(email: &str, errors: &mut FieldErrors) {
    let shape_fits = email.len() <= MAX_EMAIL_BYTES
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
        && email.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.is_empty()
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !domain.contains("..")
        });
    if email.is_empty() {
        errors.add("email", "This field may not be blank.");
    } else if !shape_fits {
        errors.add("email", "Enter a valid email address.");
    }
}

fn check_person_name(field: &'static str, name: &str, errors: &mut FieldErrors) {
    if name.chars().count() > MAX_PERSON_NAME_CHARS {
        errors.add(
            field,
            format!("Ensure this field has no more than {MAX_PERSON_NAME_CHARS} characters."),
        );
    } else if name.chars().any(char::is_control) {
        errors.add(field, "Control characters are not allowed.");
    }
}

/// Length, not only digits, not the user's own name, not one of the most used.
///
/// That is what the old service asked for; like NIST SP 800-63B it asks for no mixture of kinds of
/// characters.
pub(super) fn check_password(password: &Secret, username: &str, email: &str) -> Result<(), FieldErrors> {
    let text = password.expose();
    let lower = text.to_lowercase();
    let mut errors = FieldErrors::default();
    if text.chars().count() < MIN_PASSWORD_CHARS {
        errors.add(
            "password",
            format!("This password is too short. It must contain at least {MIN_PASSWORD_CHARS} characters."),
        );
    }
    if text.len() > MAX_PASSWORD_BYTES {
        errors.add(
            "password",
            format!("This password is too long. It must have at most {MAX_PASSWORD_BYTES} bytes."),
        );
        return Err(errors);
    }
    if resembles(&lower, username) {
        errors.add("password", "The password is too similar to the username.");
    }
    if resembles(&lower, email) {
        errors.add("password", "The password is too similar to the email.");
    }
    if COMMON_PASSWORDS.lines().any(|common| common == lower) {
        errors.add("password", "This password is too common.");
    }
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        errors.add("password", "This password is entirely numeric.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether `password` is little more than `own` or a word of it: the word makes up at least half of
/// the password, or the password is part of it.
fn resembles(password: &str, own: &str) -> bool {
    let own = own.to_lowercase();
    own.split(|c: char| !c.is_alphanumeric())
        .chain([own.as_str()])
        .filter(|word| word.chars().count() >= MIN_TELLING_CHARS)
        .any(|word| {
            let inside = password.contains(word) && word.len() * 2 >= password.len();
            inside || (!password.is_empty() && word.contains(password))
        })
}
