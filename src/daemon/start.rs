//! What a start needs: sockets, the store, what it holds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::{TcpListener, UdpSocket};
use tracing::{info, warn};

use crate::config::Config;
use crate::hub::sanctions::Sanctions;
use crate::hub::settings::Settings;
use crate::hub::staff::MAINTENANCE_SETTING;
use crate::hub::voice::VoiceAccess;
use crate::hub::{CategoryEntry, GuardRecords, Room, State, doubt, rules};
use crate::model::{Now, Timestamp};
use crate::net::calls::{self, Channel};
use crate::net::{listener, voice};
use crate::store::{Change, OpenError, OpenReport, Reader, Store, StoreError, StoreOptions};

/// How long another process may keep the store from a start.
const STORE_LOCK: Duration = Duration::from_secs(3);

fn bind_all(listen: &[SocketAddr], key: &str) -> anyhow::Result<Vec<TcpListener>> {
    listen
        .iter()
        .map(|address| {
            listener::bind(*address).with_context(|| {
                format!("cannot listen on {address} ({key}); is another server running there?")
            })
        })
        .collect()
}

fn bind_all_udp(listen: &[SocketAddr], key: &str) -> anyhow::Result<Vec<(SocketAddr, UdpSocket)>> {
    let bind = |address: &SocketAddr| {
        voice::bind_udp(*address).with_context(|| {
            format!("cannot receive on UDP {address} ({key}); is another server or client running here?")
        })
    };
    listen.iter().map(bind).collect()
}

/// The socket for the control datagrams of calls, if the server carries calls: beside room voice, one
/// port up, because the clients insist on it.
fn bind_call_control(config: &Config) -> anyhow::Result<Option<UdpSocket>> {
    let Some(ip) = config.voice.call_address() else { return Ok(None) };
    let socket = calls::bind_control(ip).with_context(|| {
        let port = Channel::Control.port();
        format!("cannot use UDP {ip}:{port}, which voice.calls = \"relay\" needs; is it taken?")
    })?;
    Ok(Some(socket))
}

fn addresses(listeners: &[TcpListener]) -> anyhow::Result<Vec<SocketAddr>> {
    listeners.iter().map(|listener| Ok(listener.local_addr()?)).collect()
}

/// Every socket but that of control, bound before anything else is done: what is taken is found out first.
pub(super) struct Sockets {
    pub(super) chat: Vec<TcpListener>,
    pub(super) http: Vec<TcpListener>,
    pub(super) voice_tcp: Vec<TcpListener>,
    pub(super) voice_udp: Vec<(SocketAddr, UdpSocket)>,
    pub(super) call_control: Option<UdpSocket>,
}

/// Where the daemon can be reached.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) chat: Vec<SocketAddr>,
    pub(super) http: Vec<SocketAddr>,
    pub(super) voice_tcp: Vec<SocketAddr>,
    pub(super) voice_udp: Vec<SocketAddr>,
}

impl Sockets {
    /// Binds every address of the configuration, or says which cannot be and why.
    pub(super) fn bind(config: &Config) -> anyhow::Result<(Sockets, Addresses)> {
        let sockets = Sockets {
            chat: bind_all(&config.chat.listen, "chat.listen")?,
            http: bind_all(&config.http.listen, "http.listen")?,
            voice_tcp: bind_all(&config.voice.listen_tcp, "voice.listen_tcp")?,
            voice_udp: bind_all_udp(&config.voice.listen_udp, "voice.listen_udp")?,
            call_control: bind_call_control(config)?,
        };
        let addresses = Addresses {
            chat: addresses(&sockets.chat)?,
            http: addresses(&sockets.http)?,
            voice_tcp: addresses(&sockets.voice_tcp)?,
            voice_udp: sockets.voice_udp.iter().map(|(address, _)| *address).collect(),
        };
        Ok((sockets, addresses))
    }
}

/// The first port of some addresses; 0 if there is none.
pub(super) fn port(addresses: &[SocketAddr]) -> u16 {
    addresses.first().map_or(0, SocketAddr::port)
}

/// What the hub begins with, from what the store holds and the configuration says.
pub(super) fn state(config: &Config, found: Found, addresses: &Addresses) -> State {
    let Found { categories, rooms, sanctions, maintenance, records } = found;
    let mut state = State::new(categories, rooms).with_maintenance(maintenance);
    state.sanctions = sanctions;
    let now = Now { wall: Timestamp::now(), uptime: Duration::ZERO };
    for wrong in state.guard_with(now, config.spam.clone(), records) {
        warn!(?wrong, "a setting in the store cannot be used and is passed over");
    }
    state.configure(Settings::new(config));
    if config.voice.is_on() {
        state.set_voice(VoiceAccess {
            advertise: config.voice.advertise,
            udp_port: port(&addresses.voice_udp),
            tcp_port: port(&addresses.voice_tcp),
            probe: config.voice.probe_udp && !addresses.voice_udp.is_empty(),
        });
    }
    state
}

/// What the store holds of what the hub begins with.
pub(super) struct Found {
    categories: Vec<CategoryEntry>,
    rooms: Vec<Room>,
    sanctions: Sanctions,
    maintenance: Option<String>,
    records: GuardRecords,
}

pub(super) fn open_store(options: StoreOptions) -> anyhow::Result<(Store, Found)> {
    let path: PathBuf = options.path.clone();
    let (store, report) = open_patiently(&options)?;
    if report.rebuilt.is_some() || !report.repairs.is_empty() {
        warn!(path = %path.display(), id = %store.id(), "store repaired: {report}");
    } else {
        info!(path = %path.display(), id = %store.id(), "store open: {report}");
    }
    store
        .commit_blocking(Change::Seed { at: Timestamp::now() })
        .context("cannot write the first categories and rooms")?;
    let (categories, rooms) = load_rooms(&store.reader()).context("cannot read the rooms")?;
    let sanctions = load_sanctions(&store.reader()).context("cannot read bans and mutes")?;
    let settings = store.reader().settings().context("cannot read the settings")?;
    let maintenance = settings.into_iter().find(|(name, _)| name == MAINTENANCE_SETTING);
    let maintenance = maintenance.map(|(_, message)| message);
    if let Some(message) = &maintenance {
        warn!(message, "there is maintenance: only staff can sign in");
    }
    let records = load_guard(&store.reader()).context("cannot read what is held against people")?;
    Ok((store, Found { categories, rooms, sanctions, maintenance, records }))
}

/// Opens the store; a command that works on it for a moment puts the start off and does not prevent it.
fn open_patiently(options: &StoreOptions) -> Result<(Store, OpenReport), OpenError> {
    let patience = Instant::now() + STORE_LOCK;
    let mut told = false;
    loop {
        match Store::open(options.clone()) {
            Err(OpenError::Locked { path }) if Instant::now() < patience => {
                if !told {
                    info!(path = %path.display(), "another process has the store; waiting for it");
                    told = true;
                }
                thread::sleep(STORE_LOCK / 100);
            }
            opened => return opened,
        }
    }
}

fn load_sanctions(reader: &Reader) -> Result<Sanctions, StoreError> {
    const PAGE: usize = 1000;
    let now = Timestamp::now();
    let mut warnings = Vec::new();
    let mut after = None;
    loop {
        let page = reader.warnings_after(after, PAGE)?;
        let last = page.len() < PAGE;
        after = page.last().map(|(uid, _)| *uid);
        warnings.extend(page.into_iter().map(|(uid, warnings)| (uid, warnings.len())));
        if last {
            break;
        }
    }
    let mut sanctions = Sanctions::default();
    let bans = reader.bans()?.into_iter().filter(|ban| ban.holds(now));
    let mutes = reader.mutes()?.into_iter().filter(|(_, mute)| mute.holds(now));
    sanctions.load(mutes, bans, warnings);
    Ok(sanctions)
}

fn load_guard(reader: &Reader) -> Result<GuardRecords, StoreError> {
    Ok(GuardRecords {
        strikes: reader.strikes_after(None, usize::MAX)?,
        offences: reader.offences_after(None, usize::MAX)?,
        settings: reader.settings()?,
        rules: rules::read(reader)?,
    })
}

fn load_rooms(reader: &Reader) -> Result<(Vec<CategoryEntry>, Vec<Room>), StoreError> {
    let categories = reader.categories()?.into_iter();
    let categories =
        categories.map(|category| CategoryEntry { id: category.id, name: category.name }).collect();
    Ok((categories, doubt::read_rooms(reader, |_| true)?))
}
