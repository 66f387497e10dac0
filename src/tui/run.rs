//! The loop: events in, frames out, at most thirty a second and none where nothing has changed.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::Event as Input;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::model::{Now, Timestamp};

use super::link::{self, LinkCommand, LinkOptions};
use super::memory::Memory;
use super::model::{Command, Event, Link, LinkEvent, Model};
use super::terminal::{Screen, read_events};
use super::update::update;
use super::view::view;

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// Events that are taken in before a frame is drawn.
const BATCH: usize = 512;

/// Why the console has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Somebody wanted it.
    Quit,
    /// There is no daemon, and it was not to be waited for any longer: why.
    NoDaemon(String),
}

/// Runs the console on the terminal until it ends.
pub(super) async fn run(mut model: Model, options: LinkOptions, mouse: bool) -> io::Result<Ended> {
    let started = Instant::now();
    let now = || Now { wall: Timestamp::now(), uptime: started.elapsed() };
    let mut screen = Screen::take(mouse)?;
    let mut input = read_events()?;
    let (commands, commanded) = mpsc::channel(256);
    let (told, mut events) = mpsc::channel(256);
    let link = tokio::spawn(link::run(options, commanded, told));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let size = screen.terminal.size()?;
    update(&mut model, Event::Terminal(Input::Resize(size.width, size.height)), now());
    let mut drawn = None::<Instant>;
    let ended = 'running: loop {
        let mut batch = Vec::new();
        let draw_at = model.dirty.then(|| drawn.map_or(Instant::now(), |last| last + FRAME));
        let wake_at = model.next_wake(now()).map(|at| started + at);
        let wait = [draw_at, wake_at].into_iter().flatten().min();
        tokio::select! {
            biased;
            event = input.recv() => match event {
                Some(event) => batch.push(Event::Terminal(event)),
                // The terminal is gone.
                None => break Ended::Quit,
            },
            event = events.recv() => match event {
                Some(event) => batch.push(Event::Link(event)),
                None => {
                    let why = match &model.link {
                        Link::Waiting { why, .. } => why.clone(),
                        _ => "the connection has ended".to_owned(),
                    };
                    break Ended::NoDaemon(why);
                }
            },
            _ = terminate.recv() => batch.push(Event::Terminate),
            _ = hangup.recv() => batch.push(Event::Terminate),
            _ = interrupt.recv() => batch.push(Event::Terminate),
            () = pause_until(wait) => {
                if wake_at.is_some_and(|at| at <= Instant::now()) {
                    batch.push(Event::Tick);
                }
            }
        }
        while batch.len() < BATCH {
            if let Ok(event) = input.try_recv() {
                batch.push(Event::Terminal(event));
            } else if let Ok(event) = events.try_recv() {
                batch.push(Event::Link(event));
            } else {
                break;
            }
        }
        let mut answers = Vec::new();
        for event in batch {
            let given_up = matches!(&event, Event::Link(LinkEvent::Disconnected { retry_in: None, .. }));
            for command in update(&mut model, event, now()) {
                match command {
                    Command::Send(message) => send(&commands, LinkCommand::Send(message), &mut answers),
                    Command::Retry => send(&commands, LinkCommand::Retry, &mut answers),
                    Command::Quit => break 'running Ended::Quit,
                    Command::Suspend => {
                        screen.suspend()?;
                        answers.push(Event::Resumed);
                    }
                    Command::Repaint => screen.repaint()?,
                    Command::Copy(text) => screen.copy(&text)?,
                    Command::Dump(text) => answers.push(Event::Told(dump(&text))),
                }
            }
            if given_up && let Link::Waiting { why, .. } = &model.link {
                break 'running Ended::NoDaemon(why.clone());
            }
        }
        for answer in answers {
            update(&mut model, answer, now());
        }
        if model.dirty && drawn.is_none_or(|last| last.elapsed() >= FRAME) {
            let moment = now();
            screen.terminal.draw(|frame| view(&model, frame, moment))?;
            model.dirty = false;
            drawn = Some(Instant::now());
        }
    };
    link.abort();
    if let Err(error) = Memory::of(&model).save() {
        tracing::warn!(%error, "cannot remember the layout");
    }
    Ok(ended)
}

/// Waits until then; for ever if there is no such moment.
async fn pause_until(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// Hands something to the connection, which takes it unless the daemon has not read for long.
fn send(commands: &mpsc::Sender<LinkCommand>, command: LinkCommand, answers: &mut Vec<Event>) {
    if commands.try_send(command).is_err() {
        answers.push(Event::Told(Err("the daemon does not read what is sent to it".to_owned())));
    }
}

/// Writes what is shown to a new file in the working directory.
fn dump(text: &str) -> Result<String, String> {
    let stamp: String = Timestamp::now().rfc3339().chars().filter(char::is_ascii_alphanumeric).collect();
    let name = format!("paltalkd-console-{stamp}.txt");
    let written = std::fs::File::create_new(&name).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(format!("saved as {name}")),
        Err(error) => Err(format!("cannot write {name}: {error}")),
    }
}
