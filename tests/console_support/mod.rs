//! A terminal with the console in it, and a small server for it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bincode::Options;
use paltalkd::control::wire::{
    Access, ClientMessage, Order, PROTOCOL, Page, Reply, Request, Rows, ServerHello, ServerMessage,
    Status as Health, Target, Update, UserDetail, View, Window,
};
use paltalkd::hub::rows::UserRow;
use paltalkd::model::{Status, Timestamp, Uid};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// As long as anything may take on a busy machine; nothing waits for it in vain.
const PATIENCE: Duration = Duration::from_secs(60);

// The server.

pub(crate) struct Server {
    directory: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<UnixStream>>>,
    thread: Option<JoinHandle<()>>,
}

/// A server that has stopped; its socket is no longer answered.
pub(crate) struct Stopped(tempfile::TempDir);

impl Server {
    pub(crate) fn start(epoch: u64) -> Server {
        Server::start_speaking(epoch, PROTOCOL)
    }

    pub(crate) fn start_speaking(epoch: u64, protocol: u16) -> Server {
        Server::start_in(tempfile::tempdir().unwrap(), epoch, protocol)
    }

    fn start_in(directory: tempfile::TempDir, epoch: u64, protocol: u16) -> Server {
        let listener = UnixListener::bind(directory.path().join("control.sock")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let streams = Arc::new(Mutex::new(Vec::new()));
        let (stopping, known) = (stop.clone(), streams.clone());
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                known.lock().unwrap().push(stream.try_clone().unwrap());
                thread::spawn(move || serve(stream, epoch, protocol));
            }
        });
        Server { directory, stop, streams, thread: Some(thread) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    pub(crate) fn stop(mut self) -> Stopped {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(UnixStream::connect(self.socket()));
        self.thread.take().unwrap().join().unwrap();
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        std::fs::remove_file(self.socket()).unwrap();
        Stopped(self.directory)
    }
}

impl Stopped {
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.path().join("control.sock")
    }

    pub(crate) fn start_again(self, epoch: u64) -> Server {
        Server::start_in(self.0, epoch, PROTOCOL)
    }
}

fn options() -> impl Options {
    bincode::DefaultOptions::new()
}

fn read(stream: &mut UnixStream) -> Option<ClientMessage> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(options().deserialize(&body).unwrap())
}

fn write(stream: &mut UnixStream, message: &ServerMessage) -> Option<()> {
    let body = options().serialize(message).unwrap();
    stream.write_all(&(body.len() as u32).to_le_bytes()).ok()?;
    stream.write_all(&body).ok()
}

fn serve(mut stream: UnixStream, epoch: u64, protocol: u16) -> Option<()> {
    let hello = ServerHello {
        protocol,
        version: "0.1.0".to_owned(),
        epoch,
        access: Access::Operator,
        server: "Paltalk".to_owned(),
    };
    write(&mut stream, &ServerMessage::Hello(hello))?;
    let ClientMessage::Hello(_) = read(&mut stream)? else { panic!("no hello") };
    loop {
        let ClientMessage::Request { id, request } = read(&mut stream)? else { panic!("two hellos") };
        let mut update = None;
        let reply = match request {
            Request::Watch { view, what } => {
                update = first(what).map(|update| ServerMessage::Update { view, seq: 0, update });
                Reply::Done(String::new())
            }
            Request::Users(window) => Reply::Page(users(&window)),
            Request::Rooms(_) => Reply::Page(none(Rows::Rooms(Vec::new()))),
            Request::Strikes(_) => Reply::Page(none(Rows::Strikes(Vec::new()))),
            Request::Status => Reply::Status(Box::new(status())),
            Request::Performance => Reply::Performance(Box::default()),
            Request::Act(Order::Kick { user: Target::Uid(uid), reason }) => {
                Reply::Done(format!("{uid} was disconnected ({reason})"))
            }
            _ => Reply::Done("done".to_owned()),
        };
        write(&mut stream, &ServerMessage::Reply { id, result: Ok(reply) })?;
        if let Some(update) = update {
            write(&mut stream, &update)?;
        }
    }
}

fn first(what: View) -> Option<Update> {
    Some(match what {
        View::Users(window) => Update::Page(users(&window)),
        View::Rooms(_) => Update::Page(none(Rows::Rooms(Vec::new()))),
        View::Strikes(_) => Update::Page(none(Rows::Strikes(Vec::new()))),
        View::Activity(_) => Update::Activity { entries: Vec::new(), missed: 0 },
        View::Status => Update::Status(Box::new(status())),
        View::Metrics => Update::History { seconds: Vec::new(), minutes: Vec::new() },
        View::User(uid) => Update::User(Some(Box::new(UserDetail {
            row: None,
            uid,
            nickname: "carol".to_owned(),
            roles: Vec::new(),
            rooms: Vec::new(),
            strikes: None,
            warnings: Vec::new(),
            sanctions: Vec::new(),
            created: Timestamp(1_100_003_600_000),
            address: None,
            events: Vec::new(),
        }))),
        View::Room(_) => return None,
    })
}

fn none(rows: Rows) -> Page {
    Page { total: 0, matched: 0, offset: 0, rows }
}

fn status() -> Health {
    Health { version: "0.1.0".to_owned(), health: "ok".to_owned(), users_online: 3, ..Health::default() }
}

fn users(window: &Window) -> Page {
    let names = ["alice", "bob", "carol\x1b[31m"];
    let rows =
        names.iter().zip(1_000_002..).filter(|(name, _)| name.contains(&window.filter)).map(|(name, uid)| {
            UserRow {
                uid: Uid(uid),
                nickname: (*name).to_owned(),
                status: Status::Online,
                idle_seconds: 3,
                address: "192.0.2.1".parse().unwrap(),
                client: "5.1".to_owned(),
                connected_seconds: 100,
                rooms: Vec::new(),
                roles: Vec::new(),
                bytes_in: 0,
                bytes_out: 0,
                pending_bytes: 0,
                rtt_micros: Some(48_200),
                ends: None,
                messages: 0,
                strikes: 0,
                stage: 0,
                muted_seconds: 0,
            }
        });
    let mut rows: Vec<UserRow> = rows.collect();
    if window.descending {
        rows.reverse();
    }
    Page { total: 3, matched: rows.len() as u32, offset: 0, rows: Rows::Users(rows) }
}

// The terminal.

type Shared = Arc<(Mutex<vt100::Parser>, Condvar)>;

pub(crate) struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    screen: Shared,
    reader: Option<JoinHandle<()>>,
    _state: tempfile::TempDir,
}

/// What the shell of a test asks with.
const PROMPT: &str = "what next> ";

impl Console {
    pub(crate) fn start(
        server: &Server,
        size: (u16, u16),
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Console {
        Console::start_at(server.socket(), size, args, variables)
    }

    pub(crate) fn start_at(
        socket: PathBuf,
        size: (u16, u16),
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Console {
        let state = tempfile::tempdir().unwrap();
        let mut command = program(&socket, state.path());
        command.args(args);
        for (name, value) in variables {
            command.env(name, value);
        }
        Console::run(command, size, state)
    }

    /// A console that somebody has called from a shell that can stop it.
    pub(crate) fn in_shell(server: &Server, size: (u16, u16)) -> Console {
        let state = tempfile::tempdir().unwrap();
        let mut command = CommandBuilder::new("/bin/sh");
        command.arg("-i");
        environment(&mut command, state.path());
        command.env("PS1", PROMPT);
        let mut shell = Console::run(command, size, state);
        let program = env!("CARGO_BIN_EXE_paltalkd");
        shell.send(&format!("'{program}' console --socket '{}'\r", server.socket().display()));
        shell
    }

    /// Waits until the shell asks for the next command: what is typed before, a program on its way out throws
    /// away.
    pub(crate) fn wait_for_prompt(&self) {
        self.wait("the shell", |screen| screen.trim_end().ends_with(PROMPT.trim_end()));
    }

    /// Starts a console, and closes its terminal as soon as that shows `text`.
    pub(crate) fn start_and_close(
        server: &Server,
        size: (u16, u16),
        text: &str,
    ) -> Box<dyn Child + Send + Sync> {
        let pair = native_pty_system().openpty(pty_size(size)).unwrap();
        let state = tempfile::tempdir().unwrap();
        let child = pair.slave.spawn_command(program(&server.socket(), state.path())).unwrap();
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().unwrap();
        let mut parser = vt100::Parser::default();
        set_size(&mut parser, size);
        let mut bytes = [0; 4096];
        while !parser.screen().contents().contains(text) {
            let count = output.read(&mut bytes).unwrap();
            parser.process(&bytes[..count]);
        }
        child
    }

    fn run(command: CommandBuilder, size: (u16, u16), state: tempfile::TempDir) -> Console {
        let pair = native_pty_system().openpty(pty_size(size)).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut parser = vt100::Parser::default();
        set_size(&mut parser, size);
        let screen: Shared = Arc::new((Mutex::new(parser), Condvar::new()));
        let mut output = pair.master.try_clone_reader().unwrap();
        let shared = screen.clone();
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal whose program has gone is an error.
            while let Ok(count) = output.read(&mut bytes) {
                if count == 0 {
                    break;
                }
                shared.0.lock().unwrap().process(&bytes[..count]);
                shared.1.notify_all();
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Console { child, master: pair.master, writer, screen, reader: Some(reader), _state: state }
    }

    pub(crate) fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    pub(crate) fn text(&self) -> String {
        self.screen.0.lock().unwrap().screen().contents()
    }

    /// Puts something on the screen that the console has not written.
    pub(crate) fn scribble(&self, bytes: &[u8]) {
        self.screen.0.lock().unwrap().process(bytes);
    }

    pub(crate) fn with_screen(&self, look: impl FnOnce(&vt100::Screen)) {
        look(self.screen.0.lock().unwrap().screen());
    }

    /// Waits until the screen shows what is wanted.
    pub(crate) fn wait(&self, what: &str, shows: impl Fn(&str) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut parser = self.screen.0.lock().unwrap();
        loop {
            let text = parser.screen().contents();
            if shows(&text) {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never saw {what}:\n{text}");
            parser = self.screen.1.wait_timeout(parser, left.min(Duration::from_secs(1))).unwrap().0;
        }
    }

    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        set_size(&mut self.screen.0.lock().unwrap(), size);
        self.master.resize(pty_size(size)).unwrap();
    }

    /// Clicks on the first place where `text` stands.
    pub(crate) fn click(&mut self, text: &str) {
        let screen = self.text();
        let found = screen
            .lines()
            .enumerate()
            .find_map(|(row, line)| Some((row, line.split_once(text)?.0.chars().count())));
        let (row, column) = found.unwrap_or_else(|| panic!("{text} is not there:\n{screen}"));
        let (row, column) = (row + 1, column + 1);
        self.send(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"));
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        let status = std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end, and says with which code.
    pub(crate) fn ended(&mut self) -> u32 {
        let code = self.child.wait().unwrap().exit_code();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        code
    }

    /// The terminal is as it was before.
    pub(crate) fn assert_given_back(&self) {
        self.with_screen(|screen| {
            assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
            assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        });
    }
}

fn program(socket: &Path, state: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_paltalkd"));
    command.args(["console", "--socket"]);
    command.arg(socket);
    environment(&mut command, state);
    command
}

fn environment(command: &mut CommandBuilder, state: &Path) {
    command.env_clear();
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env("XDG_STATE_HOME", state);
    command.cwd(Path::new(env!("CARGO_TARGET_TMPDIR")));
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn set_size(parser: &mut vt100::Parser, (columns, rows): (u16, u16)) {
    parser.set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
}
