//! TPMs in processes of swtpm's (<https://github.com/stefanberger/swtpm>): started, watched and stopped by us.
//!
//! Each life of a TPM has a process of its own, on the same state: what was written to it and acknowledged is there in the
//! next, however the last one ended. The process is started when somebody opens the device, by a thread of the life's own
//! (`worker.rs`), since a lab is plugged together before its process has threads; it gets two sockets of ours, for commands and
//! for control, and ends with that thread. One that dies, takes longer than a command may, or says what is no response is
//! killed, and the device is gone: [`Reason::DriverLost`](outlive::Reason).
//!
//! What the kernel does for a TPM as it comes and goes is done here: `TPM2_Startup` (`tpm2_auto_startup` of
//! `drivers/char/tpm/tpm2-cmd.c`; swtpm does it by itself where it is told to), and at a removal in good order
//! `TPM2_Shutdown` (`tpm_del_char_device` of `tpm-chip.c`).

mod config;
mod durations;
mod life;
mod process;
mod state;
mod worker;

pub(crate) use config::SwtpmConfig;

use life::{Life, is_this_one};
use outlive::Noticer;
use outlive_classes::tpm::{Order, Then, Tpm};
use state::StateDirectory;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

/// What a TPM is made of, for all its lives.
#[derive(Debug)]
struct Parts {
    program: PathBuf,
    state: StateDirectory,
    /// How long a command may take; `None`: as long as the kernel would wait for it.
    deadline: Option<Duration>,
}

/// A TPM of swtpm's.
#[derive(Debug)]
pub(crate) struct Swtpm {
    parts: Arc<Parts>,
    lives: Mutex<Lives>,
}

#[derive(Debug, Default)]
struct Lives {
    now: Option<Arc<Life>>,
    /// The thread of the last one, which may not have ended yet.
    last: Option<JoinHandle<()>>,
}

impl Swtpm {
    fn new(parts: Parts) -> Self {
        Swtpm { parts: Arc::new(parts), lives: Mutex::default() }
    }

    fn lives(&self) -> MutexGuard<'_, Lives> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life that it is in, begun if it has not been.
    fn begun(&self) -> Option<Arc<Life>> {
        let mut lives = self.lives();
        let life = lives.now.clone()?;
        let begun = life.begin(&self.parts, &mut lives.last);
        drop(lives);
        if let Err(why) = begun {
            life.lose(&self.parts, &why);
            life.over();
        }
        Some(life)
    }
}

impl Tpm for Swtpm {
    fn begin(&self, command: Vec<u8>, order: Order) {
        match self.begun() {
            Some(life) => life.submit(command, order),
            // It is not plugged in.
            None => drop(order),
        }
    }

    fn plugged(&self, noticer: &Noticer) {
        self.lives().now = Some(Arc::new(Life::new(noticer.clone())));
    }

    fn opened(&self) {
        drop(self.begun());
    }

    fn when_ready(&self, then: Then) -> Option<Then> {
        match self.begun() {
            Some(life) => life.when_ready(then),
            None => Some(then),
        }
    }

    fn teardown(&mut self) {
        let life = self.lives().now.clone();
        life.into_iter().for_each(|life| life.part());
    }

    fn unplugged(&mut self) {
        let mut lives = self.lives();
        if let Some(life) = lives.now.take() {
            lives.last = life.end().or(lives.last.take());
        }
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        let lives = self.lives.get_mut().unwrap_or_else(PoisonError::into_inner);
        let last = lives.now.take().and_then(|life| life.end()).or(lives.last.take());
        // The state is free for others when nobody uses it any more.
        last.into_iter().filter(|last| !is_this_one(last)).for_each(|last| drop(last.join()));
    }
}
