//! A proxy before an API server that does not tell it when a client goes away, as front ends of clouds and access proxies may not:
//! what the client has asked for is carried out all the same. TLS passes through it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// An alert of TLS 1.3 has 24 bytes (RFC 8446 section 5.2: 5 of header, 2 of content, 1 of type, 16 of tag). What is as short and last
/// is the client's `close_notify`.
const ALERT: usize = 24;

/// Starts one before an address such as `127.0.0.1:6443`, for as long as this process lives, and returns its own address.
pub(crate) fn before(server: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = server.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(upstream) = TcpStream::connect(&server) else { continue };
            let (Ok(from_client), Ok(to_server)) = (client.try_clone(), upstream.try_clone()) else { continue };
            std::thread::spawn(move || copy(from_client, to_server));
            // The server's answers are read to their end, whether the client takes them or not.
            std::thread::spawn(move || copy(upstream, client));
        }
    });
    address
}

/// Whether nothing follows on what was read.
fn is_last(from: &TcpStream) -> bool {
    let _ = from.set_read_timeout(Some(Duration::from_millis(100)));
    let last = from.peek(&mut [0]).is_ok_and(|more| more == 0);
    let _ = from.set_read_timeout(None);
    last
}

/// Copies until there is nothing more to read. The other side is not told of that.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16384];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || (read <= ALERT && is_last(&from)) {
            return;
        }
        let _ = to.write_all(&buffer[..read]);
    }
}
