//! Istio's sample: every request on port 5000 is answered with the version and the pod's name.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_uint};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, io, thread};

fn main() -> io::Result<()> {
    drain_on_signal();
    let name = |variable| env::var(variable).unwrap_or_default();
    let body = format!("Hello version: {}, instance: {}\n", name("SERVICE_VERSION"), name("HOSTNAME"));
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for connection in TcpListener::bind(("0.0.0.0", 5000))?.incoming().flatten() {
        let answer = answer.clone();
        thread::spawn(move || serve(connection, &answer));
    }
    Ok(())
}

/// Seconds that are served after a pod was asked to end: its peers learn of that a moment later.
const DRAIN: c_uint = 2;

unsafe extern "C" {
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
    fn alarm(seconds: c_uint) -> c_uint;
    fn _exit(code: c_int) -> !;
}

/// The first process of a container is ended by a signal only if it has a handler for it.
fn drain_on_signal() {
    const SIGALRM: c_int = 14;
    const SIGTERM: c_int = 15;
    extern "C" fn drain(_: c_int) {
        // SAFETY: alarm may be called in a signal handler.
        unsafe { alarm(DRAIN) };
    }
    extern "C" fn end(_: c_int) {
        // SAFETY: _exit may be called in a signal handler.
        unsafe { _exit(0) }
    }
    // SAFETY: the handlers call only what a signal handler may.
    unsafe {
        signal(SIGTERM, drain);
        signal(SIGALRM, end);
    }
}

/// Answers one request after the other until the client goes.
fn serve(mut connection: TcpStream, answer: &str) -> io::Result<()> {
    let mut requests = BufReader::new(connection.try_clone()?);
    while read_request(&mut requests)? {
        connection.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Reads past one request, or says that there is none.
fn read_request(requests: &mut impl BufRead) -> io::Result<bool> {
    let (mut body, mut line) = (0, String::new());
    loop {
        line.clear();
        if requests.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line.trim_end().is_empty() {
            io::copy(&mut requests.take(body), &mut io::sink())?;
            return Ok(true);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            body = value.trim().parse().unwrap_or(0);
        }
    }
}
