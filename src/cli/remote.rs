//! Commands that talk to the running daemon.

use crate::control::client::{Client, ClientError};
use crate::control::wire::{Order, RefusalCode, Reply, Request, Update, View};

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::progress::Bar;

/// Connects to the daemon that the options and the configuration name.
pub(super) fn connect(global: &Global) -> Result<Client, Failure> {
    let socket = match &global.socket {
        Some(socket) => socket.clone(),
        None => global.config()?.control_socket(),
    };
    Ok(Client::connect(&socket, false)?)
}

/// Asks for something that is there at once.
pub(super) fn ask(global: &Global, request: Request) -> Result<Reply, Failure> {
    Ok(connect(global)?.ask(request, |_, _| {})?)
}

/// Has an order carried out and tells what happened.
pub(super) fn act(global: &Global, order: Order, output: &Output) -> Result<(), Failure> {
    let mut client = connect(global)?;
    let bar = Bar::new();
    let reply = client.ask(Request::Act(order), |done, of| bar.show_steps(done, of));
    bar.clear();
    match reply? {
        Reply::Done(text) => output.told(&text),
        _ => Err(unexpected()),
    }
}

/// Watches a view: each update goes to `seen`, until nobody reads what that prints or the daemon ends it.
pub(super) fn follow(
    global: &Global,
    view: View,
    mut seen: impl FnMut(&Update) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut failure = None;
    let ended = connect(global)?.watch(view, |update| {
        seen(update).unwrap_or_else(|error| {
            failure = Some(error);
            false
        })
    });
    match (failure, ended) {
        (Some(failure), _) => Err(failure),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(error.into()),
    }
}

/// The daemon answered something else than what was asked.
pub(super) fn unexpected() -> Failure {
    Failure::failed("the daemon answered something else than what was asked")
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        let text = error.to_string();
        match error {
            ClientError::NoDaemon(_) => Failure::NoDaemon(text),
            ClientError::Permission(_) | ClientError::Goodbye(_) => Failure::Refused(text),
            ClientError::Refused(refusal) => match refusal.code {
                RefusalCode::Forbidden => Failure::Refused(text),
                RefusalCode::NotFound => Failure::NotFound(text),
                RefusalCode::Invalid => Failure::Usage(text),
                RefusalCode::Failed | RefusalCode::Busy => Failure::failed(text),
            },
            ClientError::Stopped(_)
            | ClientError::Version(_)
            | ClientError::Ended
            | ClientError::Malformed
            | ClientError::Io(_) => Failure::failed(text),
        }
    }
}
