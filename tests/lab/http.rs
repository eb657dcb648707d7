//! As much of HTTP as the lab's own servers need: the head of a request, and an answer without a body.

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most that a request may be long.
const LONGEST: usize = 16 << 10;

/// The first line of a request, read to the end of its head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// GET, CONNECT, …
    pub(crate) method: String,
    /// A path with its query, or the address of another server.
    pub(crate) target: String,
}

impl Request {
    /// Reads a request that has no body.
    pub(crate) async fn read(connection: &mut TcpStream) -> Result<Self> {
        let mut text = Vec::new();
        while !text.windows(4).any(|end| end == b"\r\n\r\n") {
            ensure!(text.len() < LONGEST, "a request of more than {LONGEST} bytes");
            ensure!(connection.read_buf(&mut text).await? > 0, "a request that ends before its time");
        }
        Ok(Self::of(&String::from_utf8_lossy(&text)))
    }

    fn of(text: &str) -> Self {
        let mut words = text.split_whitespace().map(str::to_owned);
        Self { method: words.next().unwrap_or_default(), target: words.next().unwrap_or_default() }
    }
}

/// Answers with a status and headers, each ended by `\r\n`.
pub(crate) async fn reply(connection: &mut TcpStream, status: &str, headers: &str) -> Result<()> {
    Ok(connection.write_all(format!("HTTP/1.1 {status}\r\n{headers}\r\n").as_bytes()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_by_its_first_line() {
        let request = Request::of("CONNECT 10.99.0.11:6443 HTTP/1.1\r\nHost: 10.99.0.11:6443\r\n\r\n");
        assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", "10.99.0.11:6443"));
        assert_eq!(Request::of("\r\n\r\n").method, "");
    }
}
