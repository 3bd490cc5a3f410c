//! Devices whose drivers are in other processes.

use super::{Lab, PlugError, config::ConfigError, permissions::Permissions};
use crate::driver_server::{Link, ServerSettings, Servers};
use outlive_classes::Hardware;
use outlive_protocol::{Class, Hello};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

/// Makes a driver of a link and what its server said.
type Maker = Arc<dyn Fn(Arc<Link>, Hello) -> Option<Hardware> + Send + Sync>;

/// The servers of a lab, if it has any, and the links of its devices to theirs.
#[derive(Default)]
pub(super) struct Served {
    state: Mutex<State>,
    lab: OnceLock<Weak<Lab>>,
}

#[derive(Default)]
struct State {
    servers: Option<Arc<Servers>>,
    /// Whether this process forks no more.
    going: bool,
    links: BTreeMap<String, (Arc<Link>, Maker)>,
}

/// The server of a device that is to be plugged in.
pub(super) struct Server<'a> {
    pub(super) class: Class,
    pub(super) settings: &'a ServerSettings,
    /// Where it was asked for.
    pub(super) place: &'a str,
    pub(super) maker: Maker,
}

impl Served {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Once.
    pub(super) fn are_of(&self, lab: &Arc<Lab>) {
        let _ = self.lab.set(Arc::downgrade(lab));
        self.lock().servers.iter().for_each(|servers| servers.are_of(lab));
    }

    /// The process forks no more: what needs threads may have some.
    pub(super) fn go(&self) -> std::io::Result<()> {
        let mut state = self.lock();
        state.going = true;
        state.servers.iter().try_for_each(Servers::go)
    }

    fn servers(&self) -> std::io::Result<Arc<Servers>> {
        let mut state = self.lock();
        if let Some(servers) = &state.servers {
            return Ok(servers.clone());
        }
        let servers = Servers::new()?;
        if let Some(lab) = self.lab.get().and_then(Weak::upgrade) {
            servers.are_of(&lab);
        }
        if state.going {
            servers.go()?;
        }
        state.servers = Some(servers.clone());
        Ok(servers)
    }

    /// Gets at the server of a device that is about to be plugged in.
    pub(super) fn reach(&self, server: &Server<'_>) -> Result<(Arc<Link>, Hardware), ConfigError> {
        let error = |why: String| ConfigError::new(server.place, why);
        let servers = self.servers().map_err(|why| error(format!("listening to servers: {why}")))?;
        let linked = Link::new(server.settings.clone(), server.class, server.place, &servers);
        let (link, hello) = linked.map_err(|what| error(format!("its server {what}")))?;
        match (server.maker)(link.clone(), hello) {
            Some(hardware) => Ok((link, hardware)),
            None => Err(error("its server says that it is something else".into())),
        }
    }

    /// The device of that name has that link.
    pub(super) fn settle(&self, name: &str, link: Arc<Link>, maker: Maker) {
        link.set_name(name);
        let before = self.lock().links.insert(name.to_owned(), (link, maker));
        drop(before);
    }

    /// The device of that name is another one from now on.
    pub(super) fn forget(&self, name: &str) {
        let before = self.lock().links.remove(name);
        drop(before);
    }

    /// The hardware of the next life of the device of that name; `None` if its driver is in this process.
    pub(super) fn renew(&self, name: &str) -> Option<Result<Hardware, PlugError>> {
        let (link, maker) = self.lock().links.get(name).cloned()?;
        let lost = |what: String| PlugError::Server { name: name.to_owned(), what };
        Some(match link.renew() {
            Ok(hello) => maker(link, hello).ok_or_else(|| lost("says that it is something else".into())),
            Err(what) => Err(lost(what)),
        })
    }

    /// Whether the driver of the device of that name is in another process.
    pub(super) fn has(&self, name: &str) -> bool {
        self.lock().links.contains_key(name)
    }
}

impl Lab {
    /// Plugs in a device whose driver is in another process.
    pub(super) fn plug_served(
        &self,
        number: Option<u32>,
        server: Server<'_>,
        permissions: &Permissions,
    ) -> Result<String, PlugError> {
        let (link, hardware) = self.served.reach(&server).map_err(PlugError::Config)?;
        let name = self.plug_as(number, hardware, Some(permissions))?;
        self.served.settle(&name, link, server.maker);
        Ok(name)
    }

    /// Says that this process forks no more, so that what needs threads has them from now on: servers are heard.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn go(&self) -> std::io::Result<()> {
        self.served.go()
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("links", &self.lock().links.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
