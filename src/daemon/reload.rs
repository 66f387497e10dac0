//! A changed configuration takes effect without anybody being dropped.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use super::descriptors;
use crate::config::{Changes, Config, ConfigErrors};
use crate::hub::actor::{Query, WeakHubHandle};
use crate::hub::settings::Settings;
use crate::net::http::HttpService;
use crate::net::listener::Chat;
use crate::net::registry::Registry;
use crate::net::voice::Voice;

/// Everything that takes its settings while it runs.
pub(super) struct Live {
    /// What is in effect; schedules and checks look here.
    pub(super) config: watch::Sender<Arc<Config>>,
    pub(super) hub: WeakHubHandle,
    pub(super) chat: Arc<Chat>,
    pub(super) registry: Arc<Registry>,
    pub(super) http: Arc<HttpService>,
    pub(super) voice: Option<Arc<Voice>>,
}

impl Live {
    /// Applies what of `new` can be, and says what was changed by that and what will be at the next start.
    pub(super) async fn apply(&self, new: &Config) -> Changes {
        let (config, changes) = self.config.borrow().reloaded(new);
        if changes.applied.is_empty() {
            return changes;
        }
        let limits = descriptors::fitting(&config);
        self.registry.set_limits(&limits);
        self.chat.limits.store(Arc::new(config.limits.clone()));
        self.chat.context.accounts.set_exempt(config.limits.exempt.clone());
        if let Some(voice) = &self.voice {
            voice.set_limits(&limits);
        }
        self.http.location.store(Arc::new(config.http.location));
        self.http.server_name.store(Arc::new(config.server.name.clone()));
        if let Some(hub) = self.hub.upgrade() {
            let settings = Box::new(Settings::new(&config));
            hub.ask(|done| Query::Configure(settings, done)).await;
        }
        self.config.send_replace(Arc::new(config));
        changes
    }
}

/// Reads the file that the daemon was started with, or looks for one if it had none then.
///
/// # Errors
///
/// Every mistake in it.
pub(super) async fn read(source: Option<&Path>) -> Result<Config, ConfigErrors> {
    let source = source.map(Path::to_path_buf);
    let work = tokio::task::spawn_blocking(move || Config::load(source.as_deref()));
    // A panic of the reader counts as a file that says nothing.
    work.await.unwrap_or_else(|_| Err(ConfigErrors::default()))
}
