//! The terminal: taken over at the start, given back whatever happens.

use std::io::{self, Stdout, Write};
use std::panic;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::{ResetColor, force_color_output};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::Rect;
use tokio::sync::mpsc;

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal as long as it is ours. When this goes, the terminal is as it was.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn take(mouse: bool) -> io::Result<Screen> {
        // Colours are chosen by us alone: under NO_COLOR crossterm would take the reverse video of the
        // selection away with the colours.
        force_color_output(true);
        enter(mouse)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(Screen { terminal, mouse })
    }

    /// Gives the terminal back, and stops the process as Ctrl-Z does; takes it over again after `fg`.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        enter(self.mouse)?;
        self.repaint()
    }

    /// Draws everything anew at the next frame, whatever others have written onto the screen. Not by
    /// `Terminal::clear`, which asks the terminal where its cursor is: the answer would be a key.
    pub(super) fn repaint(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Hands a text to the clipboard of the terminal (OSC 52); those that do not know it ignore it.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        write!(stdout, "\x1b]52;c;{}\x07", base64(text.as_bytes()))?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn enter(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide, SetTitle("paltalkd console"))?;
    if mouse {
        execute!(io::stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back, once, from wherever it is called.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // There is nobody to tell if the terminal is gone.
    _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        ResetColor,
        LeaveAlternateScreen,
        Show
    );
    _ = disable_raw_mode();
}

/// Makes a panic on any thread give the terminal back, say what has happened and where to read more, and
/// end the process.
pub(super) fn end_on_panic(log: String) {
    panic::set_hook(Box::new(move |info| {
        restore();
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(%place, ?text, "the console has ended by a mistake in it");
        _ = writeln!(
            io::stderr(),
            "error: the console has ended by a mistake in it{place}: {}\nThe server is not concerned. See {log}",
            crate::model::display_safe(&text)
        );
        process::exit(101);
    }));
}

/// Reads the terminal on a thread of its own; the channel closes when the terminal does.
pub(super) fn read_events() -> io::Result<mpsc::Receiver<event::Event>> {
    let (sender, events) = mpsc::channel(256);
    thread::Builder::new().name("terminal".to_owned()).spawn(move || {
        while let Ok(event) = event::read() {
            // Motions without a button are nothing to us, and many.
            let motion = matches!(&event, event::Event::Mouse(mouse) if matches!(mouse.kind, event::MouseEventKind::Moved | event::MouseEventKind::Drag(_)));
            if !motion && sender.blocking_send(event).is_err() {
                return;
            }
        }
    })?;
    Ok(events)
}

/// Base64, as OSC 52 wants it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0u8; 3];
        for (to, from) in group.iter_mut().zip(chunk) {
            *to = *from;
        }
        let [a, b, c] = group.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            let letter = LETTERS.get(index).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_written_as_terminals_read_it() {
        for (text, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }
}
