//! The driver as a device of its own: who calls it is the host, by way of frames, and not a file.

use super::{DrivingError, bounds};
use outlive::{Builder, Cause, Device as CoreDevice, Handle, Noticer, Number, Numbers, Outcome, Part, Reason, Refused};
use outlive_classes::{
    Contract, Hardware, hand_over,
    i2c::{self, Adapter},
    mtd::{self, Fault, Flash},
    tpm::{self, Tpm},
};
use outlive_protocol::{Device, Hello, Reply, Request};
use std::time::Duration;

/// Drivers let go when they are told to; one that has not after this long will not.
const LIMIT: Duration = Duration::from_secs(5);

/// One life of a driver, of whichever class.
#[derive(Debug)]
pub(super) enum Driver {
    I2c(Driven<i2c::Shared, Box<dyn Adapter>>),
    Mtd(Driven<mtd::Shared, Box<dyn Flash>>),
    Tpm(Driven<tpm::Shared, Box<dyn Tpm>>),
}

/// What a server says of `hardware`.
pub(super) fn hello(hardware: &Hardware) -> Result<Hello, DrivingError> {
    match hardware {
        Hardware::I2c(adapter) => {
            let device = Device::I2c { functionality: adapter.functionality(), claims: adapter.claims() };
            Ok(Hello { name: adapter.name(), device })
        }
        Hardware::Mtd(flash) => Ok(Hello { name: flash.name(), device: Device::Mtd(flash.geometry()) }),
        Hardware::Tpm(tpm) => Ok(Hello { name: "TPM".into(), device: Device::Tpm { version: tpm.version() } }),
        Hardware::Uio(_) => Err(DrivingError::Class { class: "uio" }),
        Hardware::Drm(_) => Err(DrivingError::Class { class: "drm" }),
        Hardware::Input(_) | Hardware::Uinput(_) => Err(DrivingError::Class { class: "input" }),
    }
}

impl Driver {
    /// Begins a life.
    pub(super) fn plug(hardware: Hardware) -> Result<Self, DrivingError> {
        let number = Numbers::new().claim_again(0);
        let noticer = Noticer::new();
        match hardware {
            Hardware::I2c(adapter) => {
                adapter.plugged(&noticer);
                let shared = i2c::Shared::new(number.clone(), Contract::Strict, adapter.functionality());
                let teardown = |adapter: &mut Box<dyn Adapter>| adapter.teardown();
                Driven::new(number, &noticer, shared, adapter, teardown).map(Driver::I2c)
            }
            Hardware::Mtd(flash) => {
                flash.plugged(&noticer);
                let shared = mtd::Shared::new(number.clone(), Contract::Strict, &*flash);
                let teardown = |flash: &mut Box<dyn Flash>| flash.teardown();
                Driven::new(number, &noticer, shared, flash, teardown).map(Driver::Mtd)
            }
            Hardware::Tpm(tpm) => {
                tpm.plugged(&noticer);
                // What it needs processes for may begin: whoever opens it opens it at the host.
                tpm.opened();
                let shared = tpm::Shared::new(Contract::Strict);
                let teardown = |tpm: &mut Box<dyn Tpm>| tpm.teardown();
                Driven::new(number, &noticer, shared, tpm, teardown).map(Driver::Tpm)
            }
            Hardware::Uio(_) => Err(DrivingError::Class { class: "uio" }),
            Hardware::Drm(_) => Err(DrivingError::Class { class: "drm" }),
            Hardware::Input(_) | Hardware::Uinput(_) => Err(DrivingError::Class { class: "input" }),
        }
    }

    /// Calls the driver. `began` hears the call's number, for [`cancel`](Driver::cancel), before `reply` hears how it ended.
    pub(super) fn begin(&self, request: Request, began: impl FnOnce(u64), reply: impl FnOnce(Reply) + Send + 'static) {
        match (self, request) {
            (Driver::I2c(driven), Request::I2c(messages)) => {
                let end = move |end| reply(ended(end, Reply::I2c, || i2c::Error::Io, || i2c::Error::Io));
                driven.begin("transfer", began, end, |adapter, transfer| adapter.transfer(messages, transfer));
            }
            (Driver::Mtd(driven), Request::Mtd(command)) => {
                let end = move |end| reply(ended(end, Reply::Mtd, || Fault::Gone.into(), || Fault::Io.into()));
                driven.begin("command", began, end, |flash, order| flash.begin(command, order));
            }
            (Driver::Tpm(driven), Request::Tpm(command)) => {
                let end = move |end| reply(ended(end, Reply::Tpm, || tpm::Error::Canceled, || tpm::Error::Io));
                driven.begin("command", began, end, |tpm, order| tpm.begin(command, order));
            }
            // Of another class than the hello: a session takes none.
            _ => reply(Reply::Cancelled),
        }
    }

    /// Whether a host may ask for that.
    pub(super) fn may_be_asked(&self, request: &Request) -> bool {
        match (self, request) {
            (Driver::Mtd(driven), Request::Mtd(command)) => {
                bounds::is_within(driven.handle.shared().geometry(), command)
            }
            _ => true,
        }
    }

    /// Tells the driver that nobody waits for this call any more.
    pub(super) fn cancel(&self, number: u64) {
        match self {
            Driver::I2c(driven) => driven.handle.cancel(number),
            Driver::Mtd(driven) => driven.handle.cancel(number),
            Driver::Tpm(driven) => driven.handle.cancel(number),
        };
    }

    /// Calls `hook` when this life is at its end, for whatever reason.
    pub(super) fn on_gone(&mut self, hook: impl FnOnce() + Send + 'static) {
        match self {
            Driver::I2c(driven) => driven.on_gone(hook),
            Driver::Mtd(driven) => driven.on_gone(hook),
            Driver::Tpm(driven) => driven.on_gone(hook),
        }
    }

    /// Ends this life, and gives the hardware back for another. What is under way is cancelled.
    pub(super) fn unplug(self, reason: Reason) -> Result<Hardware, DrivingError> {
        match self {
            Driver::I2c(driven) => driven.unplug(reason).map(Hardware::I2c),
            Driver::Mtd(driven) => driven.unplug(reason).map(Hardware::Mtd),
            Driver::Tpm(driven) => driven.unplug(reason).map(|mut tpm| {
                tpm.unplugged();
                Hardware::Tpm(tpm)
            }),
        }
    }
}

/// What the host hears of the end of a call.
fn ended<T, E>(
    end: Outcome<Result<T, E>>,
    reply: impl FnOnce(Result<T, E>) -> Reply,
    gone: impl FnOnce() -> E,
    forgotten: impl FnOnce() -> E,
) -> Reply {
    match end {
        Outcome::Done(answer) => reply(answer),
        Outcome::Cancelled(Cause::Interrupted) => Reply::Cancelled,
        Outcome::Cancelled(Cause::Gone(_)) => reply(Err(gone())),
        Outcome::Forgotten => reply(Err(forgotten())),
    }
}

/// One life of a driver.
#[derive(Debug)]
pub(super) struct Driven<S: Part, H: Part> {
    device: CoreDevice<S, H>,
    handle: Handle<S, H>,
    watch: Option<outlive::Watch<S, H>>,
}

impl<S: Part, H: Part> Driven<S, H> {
    fn new(
        number: Number,
        noticer: &Noticer,
        shared: S,
        driver: H,
        teardown: impl FnOnce(&mut H) + Send + 'static,
    ) -> Result<Self, DrivingError> {
        let device = Builder::new().number(number).teardown(teardown).build(shared, driver);
        // Before anybody can have noticed anything.
        let handle = device.open().map_err(|refused| DrivingError::Busy(refused.to_string()))?;
        device.noticed_by(noticer);
        Ok(Driven { device, handle, watch: None })
    }

    fn begin<A: Send + 'static>(
        &self,
        kind: &'static str,
        began: impl FnOnce(u64),
        reply: impl FnOnce(Outcome<A>) + Send + 'static,
        call: impl FnOnce(&H, outlive::Request<S, H, A>),
    ) {
        match self.handle.begin(kind) {
            Ok(operation) => {
                began(operation.number());
                hand_over(operation, reply, call);
            }
            Err(Refused::Gone(gone)) => reply(Outcome::Cancelled(Cause::Gone(gone))),
            Err(_) => reply(Outcome::Forgotten),
        }
    }

    fn on_gone(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.watch = Some(self.handle.on_gone(move |_| hook()));
    }

    fn unplug(self, reason: Reason) -> Result<H, DrivingError> {
        let Driven { device, handle, watch } = self;
        let removal = device.unplug(reason);
        drop((watch, handle));
        match removal.wait(LIMIT) {
            Ok(Some(driver)) => Ok(driver),
            Ok(None) => Err(DrivingError::Busy("its hardware is somewhere else".into())),
            Err(busy) => Err(DrivingError::Busy(busy.to_string())),
        }
    }
}
