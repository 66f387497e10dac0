//! What precedes the data of a file: as bytes, in lines, and the one written as the other. What follows it is data
//! and must be left alone.

use paltalkd::hub::peers::{LONGEST_NAME, plain_name};
use paltalkd::model::{Nickname, Uid};
use paltalkd::net::transfer::heading::{Heading, LONGEST_LINE, read_line};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime");
}

/// Runs what never has to wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// What a receiver is told must be safe to make a file of, and be read by him as it was meant.
fn check(heading: &Heading) {
    let name = heading.name();
    assert!((1..=LONGEST_NAME).contains(&name.len()));
    assert!(name.iter().all(|byte| !byte.is_ascii_control() && !b"/\\:<>\"|?*".contains(byte)));
    assert!(!name.ends_with(b".") && !name.ends_with(b" "));
    assert_eq!(plain_name(name), name);

    let bytes = [&heading.bytes(), &b"data"[..]].concat();
    let mut stream = bytes.as_slice();
    assert_eq!(now(Heading::read(&mut stream)).unwrap(), *heading);
    assert_eq!(stream, b"data");

    // The longest that there are.
    let nickname = Nickname::new(&b"N".repeat(Nickname::MAX)).unwrap();
    let mut line = heading.line(Uid(u32::MAX), Uid(u32::MAX), &nickname);
    line.extend(b"data");
    let mut stream = line.as_slice();
    let line = now(read_line(&mut stream)).unwrap();
    assert_eq!(stream, b"data");
    assert_eq!(Heading::parse_line(&line).unwrap(), *heading);
}

pub fn run(data: &[u8]) {
    let mut stream = data;
    if let Ok(heading) = now(Heading::read(&mut stream)) {
        let (length, rest) = data.split_first_chunk::<2>().unwrap();
        let length = usize::from(u16::from_le_bytes(*length));
        assert_eq!(stream, &rest[length + 4..]);
        assert_eq!(heading.size().to_le_bytes(), rest[length..length + 4]);
        check(&heading);
    }

    let mut stream = data;
    while let Ok(line) = now(read_line(&mut stream)) {
        assert!(line.len() <= LONGEST_LINE && !line.contains(&b'\n'));
        if let Ok(heading) = Heading::parse_line(&line) {
            check(&heading);
        }
    }
    // What comes after a line that is too long, or not ended, is not looked at.
    assert!(stream.is_empty() || data.len() >= LONGEST_LINE);

    // Few inputs have a number in the right place.
    check(&Heading::parse_line(&[b"SEND\t1\t2\tBob\t7\t", data].concat()).unwrap());
}
