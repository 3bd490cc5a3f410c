//! Requests in their drivers' hands.

use crate::*;
use outlive::{Cause, Handle, Outcome, Parked, Request};

type Held = Request<(), Chip, u32>;

/// A driver's table of requests that wait, as it would keep it.
#[derive(Clone, Default)]
struct Table(Arc<shuttle::sync::Mutex<Vec<Held>>>);

impl Table {
    fn take(&self, number: u64) -> Option<Held> {
        let mut held = self.0.lock().unwrap();
        let place = held.iter().position(|request| request.number() == number)?;
        Some(held.swap_remove(place))
    }

    fn take_any(&self) -> Option<Held> {
        self.0.lock().unwrap().pop()
    }
}

/// A request, and what its client hears.
fn request(handle: &Handle<(), Chip>) -> Option<(Held, Ledger<Outcome<u32>>)> {
    let operation = handle.begin("request").ok()?;
    let heard = Ledger::new();
    let noted = heard.clone();
    Some((Request::new(operation, move |outcome| noted.note(outcome)), heard))
}

/// Something of the driver's that a hook owns.
struct Owned(Driver);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.check();
        thread::yield_now();
        self.0.check();
    }
}

/// Puts a request into the table, from where it is taken when it is cancelled; what its client hears, and what the driver
/// was told.
fn submit(handle: &Handle<(), Chip>, driver: &Driver, table: &Table) -> Option<(Ledger<Outcome<u32>>, Ledger<Cause>)> {
    let (request, heard) = request(handle)?;
    let (number, told) = (request.number(), Ledger::new());
    let (noted, owned, held) = (told.clone(), Owned(driver.clone()), table.clone());
    request.on_cancel(move |cause| {
        owned.0.call();
        noted.note(cause);
        // It is let go here, or where it is put into the table.
        drop(held.take(number));
    });
    table.0.lock().unwrap().push(request);
    if !told.all().is_empty() {
        drop(table.take(number));
    }
    if pick(3) == 0 {
        handle.cancel(number);
    }
    Some((heard, told))
}

/// I8, I17: clients submit and give up, drivers answer or let go, and the device goes. Each client hears once: the
/// answer, or why it was cancelled; no request is lost; and none of it is the driver's after the fence.
pub(crate) fn answers_and_cancels() {
    let (device, driver) = device();
    let table = Table::default();
    let (handle, book, held) = (device.open().unwrap(), driver.clone(), table.clone());
    let clients = crew(2, move || (0..2).filter_map(|_| submit(&handle, &book, &held)).collect::<Vec<_>>());
    let (book, held) = (driver.clone(), table.clone());
    let worker = thread::spawn(move || {
        for _ in 0..3 {
            let Some(request) = held.take_any() else { continue };
            book.call();
            match pick(3) {
                0 => request.let_go(Cause::Interrupted),
                _ => request.answer(7),
            }
        }
    });
    let unplug = device.unplug_with(Reason::Pulled, Policy::ALL[pick(3)]);
    // Those that a removal drains are left alone until its limit is over.
    let hardware = unplug.wait(Duration::ZERO).or_else(|busy| busy.wait(NO_LIMIT)).unwrap();
    driver.fence();
    drop(hardware);
    worker.join().unwrap();
    for (heard, told) in join(clients).into_iter().flatten() {
        let (heard, told) = (heard.all(), told.all());
        assert!(told.len() <= 1, "the driver was told {told:?}");
        assert!(heard.len() == 1 && heard[0] != Outcome::Forgotten, "the client heard {heard:?}");
    }
    assert!(table.take_any().is_none(), "the driver was not told");
}

/// I7, I17: requests that are kept outside the gate. No removal waits for them; they come back before the mark only; and
/// their clients hear once, whatever the driver does with what it has left.
pub(crate) fn parked_requests() {
    let (device, driver) = device();
    let (handle, book) = (device.open().unwrap(), driver.clone());
    let clients = crew(2, move || {
        let Some((request, heard)) = request(&handle) else { return Vec::new() };
        let parked: Parked<(), Chip, u32> = request.park();
        let number = parked.number();
        let (other, giving_up) = (handle.clone(), pick(2) == 0);
        let client = thread::spawn(move || giving_up && other.cancel(number));
        match pick(4) {
            0 => parked.answer(7),
            1 => drop(parked),
            2 => _ = parked.resume().inspect(|_| book.call()).map(|request| request.answer(8)),
            _ => {
                // Again and again.
                if let Ok(request) = parked.resume() {
                    book.call();
                    let parked = request.park();
                    thread::yield_now();
                    let _ = parked.resume().inspect(|_| book.call()).map(|request| request.answer(9));
                }
            }
        }
        client.join().unwrap();
        vec![heard]
    });
    let hardware = device.unplug_with(Reason::Pulled, Policy::ALL[pick(3)]).wait(NO_LIMIT).unwrap();
    driver.fence();
    drop(hardware);
    for heard in join(clients).into_iter().flatten() {
        assert_eq!(heard.all().len(), 1, "the client heard {:?}", heard.all());
    }
}
