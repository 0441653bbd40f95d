//! One kept connection: as much HTTP/1.1 as the servers under measure speak.

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Shot;

/// Longest answer that is read, head and body: the longest is a refusal with its reason.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Bytes asked for in one read.
const READ_BYTES: usize = 4 << 10;

/// A connection that is made when it is needed.
pub struct Wire {
    shot: Shot,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// A whole answer.
pub struct Answer<'a> {
    pub status: u16,
    body: &'a [u8],
}

impl Answer<'_> {
    /// The id in a JSON body: the text after the first `"id":"`.
    pub fn id(&self) -> Option<String> {
        let text = std::str::from_utf8(self.body).ok()?;
        let (_, rest) = text.split_once("\"id\":")?;
        let (_, rest) = rest.split_once('"')?;
        rest.split_once('"').map(|(id, _)| id.to_owned())
    }
}

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    body: usize,
    length: usize,
    closes: bool,
}

impl Wire {
    /// A connection that is not made yet.
    pub const fn new(shot: Shot) -> Self {
        Self {
            shot,
            stream: None,
            buffer: Vec::new(),
        }
    }

    /// Sends the request and reads its answer. After an error the next request makes a new connection.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn ask(&mut self) -> anyhow::Result<Answer<'_>> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.shot.address).await?;
            stream.set_nodelay(true)?;
            stream
        };
        stream.write_all(&self.shot.bytes).await?;
        self.buffer.clear();
        let head = loop {
            if self.buffer.len() > MAX_ANSWER_BYTES {
                bail!("an answer of more than {MAX_ANSWER_BYTES} bytes");
            }
            if let Some(head) = head_of(&self.buffer)?
                && self.buffer.len() >= head.body + head.length
            {
                break head;
            }
            self.buffer.reserve(READ_BYTES);
            if stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the answer broke off");
            }
        };
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok(Answer {
            status: head.status,
            body: &self.buffer[head.body..head.body + head.length],
        })
    }
}

/// The head, once it is there as a whole.
fn head_of(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("a head that is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.get(9..12))
        .context("no status")?;
    let (mut length, mut closes) = (None, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(Head {
        status: status.parse()?,
        body: end + 4,
        length: length.context("an answer without a length")?,
        closes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{\"id\":\"abc\"}";
        assert_eq!(head_of(&text[..30]).expect("no mistake"), None);
        let head = head_of(text).expect("no mistake").expect("a head");
        assert_eq!((head.status, head.length, head.closes), (200, 12, true));
        let answer = Answer {
            status: head.status,
            body: &text[head.body..],
        };
        assert_eq!(answer.id().as_deref(), Some("abc"));
        assert!(head_of(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
