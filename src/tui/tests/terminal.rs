//! A panic gives the terminal back. The child is this test program itself, in a terminal of its own.

use std::env;
use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::super::terminal::{Screen, end_on_panic};

const CHILD: &str = "PALTALKD_TEST_CONSOLE_PANIC";

#[test]
fn child_that_panics_on_another_thread() {
    // Only as a child of the test below; a panic of it would end this whole program.
    if env::var_os(CHILD).is_none() {
        return;
    }
    end_on_panic("/var/log/console.log".to_owned());
    let _screen = Screen::take(true).unwrap();
    let thread = std::thread::spawn(|| panic!("a mistake \x1b[2J"));
    let _ = thread.join();
    unreachable!("a panic anywhere ends the console");
}

#[test]
fn a_panic_gives_the_terminal_back_and_says_where_to_read_more() {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env::current_exe().unwrap());
    command.args(["--exact", "tui::tests::terminal::child_that_panics_on_another_thread", "--nocapture"]);
    command.env(CHILD, "1");
    command.env("TERM", "xterm-256color");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut bytes = Vec::new();
    let mut reader = pair.master.try_clone_reader().unwrap();
    // Reading from a terminal whose other end is closed ends with an error.
    let _ = reader.read_to_end(&mut bytes);
    let status = child.wait().unwrap();
    assert_eq!(status.exit_code(), 101);
    let mut parser = vt100::Parser::default();
    parser.process(&bytes);
    let screen = parser.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    let text = screen.contents();
    assert!(text.contains("a mistake ␛[2J") && text.contains("/var/log/console.log"), "{text}");
}
