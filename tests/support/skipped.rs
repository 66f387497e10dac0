//! What a test cannot check on this machine.
#![allow(unreachable_pub, clippy::unwrap_used)]

use std::io::Write;

/// Says that something was not checked, and why, past the capture of the test harness: `.ci/run` collects
/// these lines and repeats them at its end, so that nobody takes for checked what was not.
pub fn not_checked(what: &str, why: &str) {
    // One write, so that lines of tests beside this one do not mix with it.
    let line = format!("not checked: {what}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
