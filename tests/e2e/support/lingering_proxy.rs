//! A proxy before an API server that does not tell it when a client goes away, as front ends of clouds and access proxies may not:
//! what the client has asked for is carried out all the same.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Starts one before an address such as `127.0.0.1:6443`, for as long as this process lives, and returns its own address. TLS passes
/// through it.
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

/// Copies until there is nothing more to read. The other side is not told of that.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16384];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            return;
        }
        let _ = to.write_all(&buffer[..read]);
    }
}
