//! The small HTTP listener: what the client and its embedded browser fetch.
//!
//! A fresh client asks `/location2.txt` where the chat server is, sends people to `/webreg.html` to
//! register, and loads banners and pages into frames of its windows, which get empty pages here.
//! `/health` is for load balancers. The client puts passwords into query strings: they are never
//! logged, nor is anything of a request but its method and path.

mod form;
mod page;
mod route;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::config::Location;
use crate::model::Uid;
use crate::net::listener::AcceptPause;
use crate::session::throttle::network_of;

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const MAX_CONNECTIONS: usize = 256;
/// One address must not be able to hold all connections; a proxy in front on this machine may.
const MAX_PER_ADDRESS: usize = 32;

/// What the listener knows and whom it asks.
pub struct HttpService {
    /// What `/location2.txt` names.
    pub location: ArcSwap<Location>,
    /// The port of the chat listener, for [`Location::Auto`].
    pub chat_port: u16,
    /// The name of the server on its pages.
    pub server_name: ArcSwap<String>,
    /// Who creates accounts and knows how the daemon is.
    pub registrar: Arc<dyn Registrar>,
}

/// Who creates the accounts that people ask for on the page, and knows how the daemon is.
pub trait Registrar: Send + Sync + 'static {
    /// Creates an account. The future runs to its end even if the browser goes away. An error is
    /// text for the page, with a suggestion where there is one.
    fn register(&self, request: WebRegistration) -> RegistrationFuture;

    /// How the daemon is; asked for each `/health`, so it must be cheap.
    fn healthy(&self) -> HealthReport;
}

/// The account's uid, or what the page says instead.
pub type RegistrationFuture = Pin<Box<dyn Future<Output = Result<Uid, String>> + Send>>;

/// What somebody filled into the registration page. The password has an acceptable length and
/// characters; nickname and email have only been trimmed.
#[derive(Clone)]
pub struct WebRegistration {
    /// The nickname wanted.
    pub nickname: String,
    /// The password; every character exists in Windows-1252.
    pub password: Zeroizing<String>,
    /// The email address, if one was given.
    pub email: Option<String>,
    /// Where the request came from.
    pub peer: IpAddr,
}

/// How the daemon is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// Everything works.
    Ok,
    /// Something does not.
    Degraded,
    /// The operator keeps people out.
    Maintenance,
}

/// How the daemon is, and why. Anything but [`Health::Ok`] answers with status 503.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthReport {
    /// In a word.
    pub status: Health,
    /// In sentences; for everybody to read.
    pub reasons: Vec<String>,
}

impl Health {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Degraded => "degraded",
            Health::Maintenance => "maintenance",
        }
    }
}

/// Both ends of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Who asks.
    pub peer: IpAddr,
    /// The address at which he has reached us.
    pub local: SocketAddr,
}

impl HttpService {
    /// The address that a client is told, who reached us on `local`. `None` if that is not an IPv4
    /// address: the clients know no other kind.
    fn location_for(&self, local: SocketAddr) -> Option<SocketAddrV4> {
        match (**self.location.load(), local.ip().to_canonical()) {
            (Location::Fixed(address), _) => Some(address),
            (Location::Auto, IpAddr::V4(ip)) => Some(SocketAddrV4::new(ip, self.chat_port)),
            (Location::Auto, IpAddr::V6(_)) => None,
        }
    }
}

/// Answers on `listener` until `stop` is done; then requests under way have two seconds to finish.
pub async fn serve(listener: TcpListener, service: Arc<HttpService>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut connections = JoinSet::new();
    let places = Places::default();
    let mut pause = AcceptPause::default();
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    pause.end();
                    let peer = peer.ip().to_canonical();
                    // Over the limit the stream is dropped here, which closes it.
                    if connections.len() < MAX_CONNECTIONS && let Some(place) = places.take(peer) {
                        let service = Arc::clone(&service);
                        connections.spawn(async move {
                            if let Err(error) = connection(stream, peer, service).await {
                                tracing::debug!(%peer, %error, "http connection failed");
                            }
                            drop(place);
                        });
                    } else {
                        tracing::debug!(%peer, "http connection refused: too many");
                    }
                }
                Err(error) => match pause.after(&error) {
                    None => tracing::debug!(%error, "an http connection ended before it was accepted"),
                    Some(pause) => {
                        tracing::warn!(%error, "cannot accept http connections; trying again");
                        sleep(pause).await;
                    }
                },
            },
        }
    }
    drop(listener);
    let drained = timeout(STOP_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::debug!(left = connections.len(), "http connections cut off");
    }
}

async fn connection(stream: TcpStream, peer: IpAddr, service: Arc<HttpService>) -> io::Result<()> {
    let ends = Ends { peer, local: stream.local_addr()? };
    converse(stream, ends, service).await
}

/// Answers the one request that comes on `stream`, within 30 seconds.
///
/// # Errors
///
/// What is not HTTP, an end too early, and taking too long; as far as there is an answer to it, it has been given.
pub async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    ends: Ends,
    service: Arc<HttpService>,
) -> io::Result<()> {
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(route::answer(&service, ends, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        // Some old clients close their half after the request.
        .half_close(true)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), answer);
    match timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(result) => result.map_err(io::Error::other),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection's entry; given back when dropped.
struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    fn take(&self, peer: IpAddr) -> Option<Place> {
        let address = network_of(peer);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= MAX_PER_ADDRESS && !peer.to_canonical().is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place() {
        let places = Places::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let held: Vec<Place> =
            (0..MAX_PER_ADDRESS).map(|n| places.take(address(&format!("2001:db8::{n}"))).unwrap()).collect();
        assert!(places.take(address("2001:db8::ffff")).is_none());
        assert!(places.take(address("2001:db8:0:1::1")).is_some());
        let local: Vec<_> =
            ["127.0.0.1", "::1"].repeat(50).iter().map(|text| places.take(address(text))).collect();
        assert!(local.iter().all(Option::is_some));
        drop((held, local));
        assert!(places.take(address("2001:db8::ffff")).is_some());
        assert!(places.0.lock().unwrap().is_empty());
    }
}
