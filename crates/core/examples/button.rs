//! A whole driver: a button whose presses arrive on a thread, as interrupts do, and reads that sleep until the next one.
use outlive::{Device, Gone, Handle, Item, REMOVAL_BUDGET, Reason, Refused, Stream, Subscribers};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{sync::mpsc, thread, time::Duration};

/// The hardware: it ends with the pull.
#[derive(Default)]
pub struct Button {
    presses: AtomicU64,
}

/// What handles share: it ends with the last of them.
type Presses = Subscribers<u64>;

/// Plugs a button in. Whatever comes on `line` is a press.
pub fn plug(line: mpsc::Receiver<()>) -> Result<Device<Presses, Button>, Refused> {
    let device = Device::new(Presses::new(), Button::default());
    let handle = device.open()?;
    // The interrupt: it enters the gate like everybody else, and ends when the device is gone.
    thread::spawn(move || {
        while line.recv().is_ok() {
            let Ok(button) = handle.enter() else { return };
            let press = button.presses.fetch_add(1, Relaxed) + 1;
            handle.shared().tell(press);
        }
    });
    Ok(device)
}

/// An open file.
pub struct File {
    handle: Handle<Presses, Button>,
    presses: Stream<u64, Presses, Button>,
}

impl File {
    /// Opens a button.
    pub fn open(device: &Device<Presses, Button>) -> Result<Self, Refused> {
        let handle = device.open()?;
        Ok(File { presses: handle.shared().subscribe(&handle, 64), handle })
    }

    /// The number of the next press; sleeps until it comes. The pull wakes it.
    pub fn read(&self) -> Result<u64, Gone> {
        match self.presses.next(Duration::MAX) {
            Some(Item::Event(press)) => Ok(press),
            Some(Item::Missed(_) | Item::Closing) => self.read(),
            Some(Item::Gone(gone)) => Err(gone),
            None => Err(self.handle.gone().expect("a stream ends with its device")),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (press, line) = mpsc::channel();
    let device = plug(line)?;
    let file = File::open(&device)?;
    press.send(())?;
    println!("press {}", file.read()?);

    let sleeper = thread::spawn(move || file.read());
    let button = device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET)?.expect("nobody else pulls it");
    println!(
        "pulled after {} presses, and the reader heard: {:?}",
        button.presses.into_inner(),
        sleeper.join().unwrap()
    );
    Ok(())
}
