//! Where a piece of work stands in a trace, as systems tell each other (W3C Trace Context, `traceparent`).

use std::fmt;
use std::str::FromStr;

/// A trace, the span in it that work goes on from, and its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Never all zero.
    pub trace: [u8; 16],
    /// Never all zero.
    pub span: [u8; 8],
    /// Bit 0: it is recorded.
    pub flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct InvalidTraceParent;

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    /// Reads a version that is known, and of later ones the part that is (section 3.2.4).
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(InvalidTraceParent);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        let [version] = digits::<1>(version)?;
        let more = parts.next().is_some();
        let (trace, span) = (digits::<16>(trace)?, digits::<8>(span)?);
        let [flags] = digits::<1>(flags)?;
        if version == 0xff || (version == 0 && more) || trace == [0; 16] || span == [0; 8] {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace, span, flags })
    }
}

/// So many bytes in lower-case hexadecimal digits.
fn digits<const N: usize>(text: &str) -> Result<[u8; N], InvalidTraceParent> {
    let mut bytes = [0; N];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(InvalidTraceParent);
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidTraceParent)?;
    Ok(bytes)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (hex::encode(self.trace), hex::encode(self.span));
        write!(f, "00-{trace}-{span}-{:02x}", self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_comes_back_as_it_was() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent: TraceParent = text.parse().expect("well-formed");
        assert_eq!(parent.to_string(), text);
        let later = format!("cc{}-what-the-future-will-be-like", &text[2..]);
        assert_eq!(later.parse(), Ok(parent));
    }

    #[test]
    fn what_is_malformed_is_no_place_in_a_trace() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(InvalidTraceParent), "{text}");
        }
    }
}
