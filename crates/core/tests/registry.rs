//! Drivers come and go, whatever is open.
#![cfg(not(loom))]

use outlive::{Driver, DriverError, Probe, REMOVAL_BUDGET, Reason, Registry};
use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// A driver that writes down what of it runs, and when its code goes.
#[derive(Default)]
struct Code {
    log: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    gone: Arc<AtomicBool>,
}

impl Drop for Code {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
    }
}

/// Hardware that is the driver's code, too.
#[derive(Debug)]
struct Lamp(u8, Arc<AtomicUsize>);

impl Drop for Lamp {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Driver<u8, &'static str, Lamp> for Code {
    fn probe(&self, probe: &Probe, socket: u8) -> Result<(&'static str, Lamp), Box<dyn Error + Send + Sync>> {
        let log = self.log.clone();
        probe.hardware().action(move || log.lock().unwrap().push(format!("off {socket}"))).unwrap();
        match socket {
            0..=9 => {
                self.running.fetch_add(1, Ordering::SeqCst);
                Ok(("lamp", Lamp(socket, self.running.clone())))
            }
            99 => panic!("a probe that panics"),
            _ => Err("there is no such socket".into()),
        }
    }
}

/// I30: withdrawn with handles open: nothing of the driver is left, and the handles are zombies.
#[test]
fn a_driver_can_be_withdrawn_with_handles_open() {
    let code = Code::default();
    let (log, running, gone) = (code.log.clone(), code.running.clone(), code.gone.clone());
    let registry = Registry::new();
    let lamps = registry.register("lamps", code);
    let devices: Vec<_> = (0..3).map(|socket| registry.bind(lamps, socket).unwrap()).collect();
    let handles: Vec<_> = devices.iter().map(|device| device.open().unwrap()).collect();
    assert_eq!(handles[2].enter().unwrap().0, 2);
    // Unbound, and bound again.
    drop(devices[0].unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap());
    assert_eq!((registry.devices(lamps).len(), running.load(Ordering::SeqCst)), (2, 2));
    let again = registry.bind(lamps, 0).unwrap();
    registry.withdraw(lamps, REMOVAL_BUDGET).unwrap();
    assert!(gone.load(Ordering::SeqCst), "the registry has let go of the code");
    assert_eq!(running.load(Ordering::SeqCst), 0, "and of the hardware");
    assert_eq!(log.lock().unwrap().len(), 4);
    assert!(handles.iter().all(|handle| handle.enter().is_err()) && again.gone().is_some());
    assert!(matches!(registry.bind(lamps, 1), Err(DriverError::Withdrawn)));
    assert!(matches!(registry.withdraw(lamps, REMOVAL_BUDGET), Err(DriverError::Withdrawn)));
    assert!(registry.drivers().is_empty());
}

/// Who is inside is named, the device is dead all the same, and withdrawing again waits on.
#[test]
fn a_driver_in_use_is_named() {
    let registry = Registry::new();
    let lamps = registry.register("lamps", Code::default());
    let device = registry.bind(lamps, 7).unwrap();
    let operation = device.open().unwrap().begin("a long one").unwrap();
    let Err(DriverError::Busy(culprits)) = registry.withdraw(lamps, Duration::from_millis(5)) else { panic!() };
    assert!(culprits.len() == 1 && culprits[0].contains("a long one"), "{culprits:?}");
    assert!(device.open().is_err() && matches!(registry.bind(lamps, 8), Err(DriverError::Withdrawn)));
    drop(operation);
    registry.withdraw(lamps, REMOVAL_BUDGET).unwrap();
}

/// Holding a driver's code is not holding its devices.
#[test]
fn holding_the_code_holds_no_device() {
    let code = Arc::new(Code::default());
    let running = code.running.clone();
    let registry = Registry::new();
    let lamps = registry.register("lamps", code.clone());
    let device = registry.bind(lamps, 7).unwrap();
    registry.withdraw(lamps, REMOVAL_BUDGET).unwrap();
    assert!(device.gone().is_some() && running.load(Ordering::SeqCst) == 0);
    assert_eq!(Arc::strong_count(&code), 1, "and the registry does not hold the code");
}

/// A probe that fails, or panics, leaves nothing behind.
#[test]
fn a_failed_probe_leaves_nothing() {
    let code = Code::default();
    let log = code.log.clone();
    let registry = Registry::new();
    let lamps = registry.register("lamps", code);
    let error = registry.bind(lamps, 77).unwrap_err();
    assert_eq!(error.to_string(), "the driver does not take it: there is no such socket");
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| registry.bind(lamps, 99))).is_err());
    assert_eq!(*log.lock().unwrap(), ["off 77", "off 99"]);
    assert!(registry.devices(lamps).is_empty());
    registry.withdraw(lamps, REMOVAL_BUDGET).unwrap();
}

/// A driver whose probe waits to be told how to go on.
struct Slow(Mutex<mpsc::Receiver<()>>, mpsc::Sender<()>);

impl Driver<(), (), ()> for Slow {
    fn probe(&self, _: &Probe, (): ()) -> Result<((), ()), Box<dyn Error + Send + Sync>> {
        self.1.send(()).unwrap();
        self.0.lock().unwrap().recv().unwrap();
        Ok(((), ()))
    }
}

/// A probe that is running is the driver's code, too: it is waited for, and what it makes does not stay.
#[test]
fn a_running_probe_is_waited_for() {
    let (go, wait) = mpsc::channel();
    let (begin, begun) = mpsc::channel();
    let registry = Registry::new();
    let slow = registry.register("slow", Slow(Mutex::new(wait), begin));
    let binder = thread::spawn({
        let registry = registry.clone();
        move || registry.bind(slow, ()).map(drop)
    });
    begun.recv().unwrap();
    let Err(DriverError::Busy(culprits)) = registry.withdraw(slow, Duration::from_millis(5)) else { panic!() };
    assert_eq!(culprits, ["a probe of slow has not returned"]);
    go.send(()).unwrap();
    assert!(matches!(binder.join().unwrap(), Err(DriverError::Withdrawn)));
    registry.withdraw(slow, REMOVAL_BUDGET).unwrap();
}
