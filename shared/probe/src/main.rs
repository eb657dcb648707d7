//! The probe: runs in a pod, tries the targets that it reads from standard input, and writes the results.
//!
//! `wait [--for SECONDS]` is what its pod does until it is asked; it ends by itself, so that a forgotten pod ends too.
//! `reach` reads a request and answers it: see the library, `mesh_probe`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use mesh_probe::line::{Request, answer_line, end_line};
use mesh_probe::reach::reach;

const USAGE: &str = "usage: mesh-probe wait [--for SECONDS] | mesh-probe reach < REQUEST | mesh-probe version";
const COMMAND_LINE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] | ["wait"] => wait(Duration::MAX),
        ["wait", "--for", seconds] => match seconds.parse() {
            Ok(seconds) => wait(Duration::from_secs(seconds)),
            Err(_) => refuse(USAGE),
        },
        ["reach"] => answer(),
        ["version"] => {
            print(concat!(env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        _ => refuse(USAGE),
    }
}

fn wait(time: Duration) -> ExitCode {
    signals::end_the_process();
    std::thread::sleep(time);
    ExitCode::SUCCESS
}

fn answer() -> ExitCode {
    let request: Request = match serde_json::from_reader(io::stdin().lock()) {
        Ok(request) => request,
        // The error's own text may quote what was read, which may be a token.
        Err(error) => {
            return refuse(&format!("no request on standard input: line {} column {}", error.line(), error.column()));
        }
    };
    let mut count = 0;
    reach(request.targets, |answer| {
        print(&answer_line(answer));
        count += 1;
    });
    print(&end_line(count));
    ExitCode::SUCCESS
}

/// Ignores errors: if this fails the reader is gone, and there is no one left to tell.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

fn refuse(why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "mesh-probe: {why}");
    ExitCode::from(COMMAND_LINE)
}

#[allow(unsafe_code)]
mod signals {
    use std::ffi::c_int;

    const SIGINT: c_int = 2;
    const SIGTERM: c_int = 15;

    unsafe extern "C" {
        fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
        fn _exit(code: c_int) -> !;
    }

    extern "C" fn end(number: c_int) {
        // SAFETY: _exit may be called in a signal handler.
        unsafe { _exit(128 + number) }
    }

    /// A signal ends a container's first process only if that has a handler for it.
    pub(crate) fn end_the_process() {
        // SAFETY: the handler calls only what a signal handler may.
        unsafe {
            signal(SIGINT, end);
            signal(SIGTERM, end);
        }
    }
}
