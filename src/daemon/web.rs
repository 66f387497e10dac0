//! The page on which people make accounts.

use std::sync::Arc;

use tracing::info;
use zeroize::Zeroizing;

use super::health::Health;
use crate::hub::staff::BanList;
use crate::model::{Timestamp, to_cp1252};
use crate::net::http::{HealthReport, Registrar, RegistrationFuture, WebRegistration};
use crate::session::Context;

/// Makes the accounts that people ask for on the web page.
pub(super) struct WebRegistrar {
    pub(super) context: Arc<Context>,
    pub(super) health: Arc<Health>,
    pub(super) bans: Arc<BanList>,
}

impl Registrar for WebRegistrar {
    fn register(&self, request: WebRegistration) -> RegistrationFuture {
        let context = Arc::clone(&self.context);
        let banned = self.bans.address(Timestamp::now(), request.peer).is_some();
        Box::pin(async move {
            let WebRegistration { nickname, password, email, peer } = request;
            if banned {
                return Err("Your address is banned from this server.".to_owned());
            }
            let password = Zeroizing::new(to_cp1252(&password));
            let made = context.accounts.register(&to_cp1252(&nickname), password, email, peer).await;
            let (uid, nickname) = made.map_err(|error| error.to_string())?;
            context.metrics.registrations.increment();
            info!(%uid, ?nickname, %peer, "registered on the web page");
            Ok(uid)
        })
    }

    fn healthy(&self) -> HealthReport {
        self.health.report()
    }
}
