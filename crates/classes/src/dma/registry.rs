use super::{Channel, Engine, Error, Kinds, Provider};
use outlive::Numbers;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// Where engines are found: `dma_device_list` of `drivers/dma/dmaengine.c`. A clone is the same one.
#[derive(Clone, Default)]
pub struct Registry {
    entries: Arc<Entries>,
}

#[derive(Default)]
struct Entries {
    numbers: Numbers,
    engines: Mutex<BTreeMap<u32, Weak<Engine>>>,
}

impl Registry {
    /// None is there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plugs in a provider, under the lowest number that nobody holds: `dma_async_device_register`. It is found until
    /// the mark, or until what this returns has been dropped.
    pub fn plug(&self, provider: Box<dyn Provider>) -> Arc<Engine> {
        let number = self.entries.numbers.claim_lowest(0, |_| true);
        let key = number.value();
        let engine = Arc::new(Engine::new(number, provider));
        self.entries.engines().insert(key, Arc::downgrade(&engine));
        let entries = Arc::downgrade(&self.entries);
        engine.on_names(move |_| {
            if let Some(entries) = entries.upgrade() {
                entries.engines().remove(&key);
            }
        });
        engine
    }

    /// Gives out a free channel that can do all of `kinds`, of the first engine that has one: `dma_request_channel`.
    ///
    /// # Errors
    /// [`Error::NoChannel`] if there is no such engine; else why the last one of them refused: [`Error::Busy`], or what
    /// its driver says.
    pub fn request(&self, kinds: Kinds) -> Result<Channel, Error> {
        let engines: Vec<_> = self.entries.engines().values().filter_map(Weak::upgrade).collect();
        let mut refusal = Error::NoChannel;
        for engine in engines {
            match engine.request(kinds) {
                Ok(channel) => return Ok(channel),
                // It has gone since.
                Err(Error::Gone(_) | Error::NoChannel) => {}
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

impl Entries {
    fn engines(&self) -> MutexGuard<'_, BTreeMap<u32, Weak<Engine>>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.engines().keys()).finish()
    }
}
