//! Where a request says what happened and which delivery it is.

/// A place in a request that holds a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A header, its name in lower case.
    Header(String),
    /// A JSON pointer (RFC 6901) into a body of JSON. Texts, numbers and truth values count.
    Pointer(String),
}

/// The same as the vendors' constants say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header, its name in lower case.
    Header(&'static str),
    /// A JSON pointer into a body of JSON.
    Pointer(&'static str),
    /// A field of a form.
    Field(&'static str),
    /// A JSON pointer into a field of a form.
    FieldPointer(&'static str, &'static str),
    /// This word, when the form has that field.
    WordIfField(&'static str, &'static str),
}

/// Where a vendor puts what we want to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The type: the first of these that is there.
    pub event_type: &'static [Place],
    /// The delivery's id: the first of these of which every part is there; the parts are joined.
    pub key: &'static [&'static [Place]],
}

/// A text that is no JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no JSON pointer (RFC 6901); write it like \"/data/id\"")]
pub struct InvalidPointer(pub String);

/// Checks a JSON pointer: empty, or parts that begin with `/`, with `~` only in `~0` and `~1`.
///
/// # Errors
/// When the text is none.
pub fn check_pointer(text: &str) -> Result<(), InvalidPointer> {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (text.is_empty() || text.starts_with('/')) && escapes {
        Ok(())
    } else {
        Err(InvalidPointer(text.to_owned()))
    }
}
