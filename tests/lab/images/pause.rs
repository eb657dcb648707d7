//! The sandbox process of every pod: sleeps, and reaps what the pod's other processes leave behind.
//!
//! It is the first process of a pid namespace, which a signal ends only if it has a handler for it.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::null_mut;

const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;
const SIGCHLD: c_int = 17;
const WNOHANG: c_int = 1;

unsafe extern "C" {
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
    fn pause() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn _exit(code: c_int) -> !;
}

extern "C" fn end(_: c_int) {
    // SAFETY: _exit may be called in a signal handler.
    unsafe { _exit(0) }
}

extern "C" fn reap(_: c_int) {
    // SAFETY: waitpid may be called in a signal handler and takes a null pointer where the status is not wanted.
    while unsafe { waitpid(-1, null_mut(), WNOHANG) } > 0 {}
}

fn main() {
    // SAFETY: the handlers call only what a signal handler may.
    unsafe {
        signal(SIGINT, end);
        signal(SIGTERM, end);
        signal(SIGCHLD, reap);
        loop {
            pause();
        }
    }
}
