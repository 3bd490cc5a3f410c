//! Users inside, removers of every kind, and the steps that they take.

use crate::*;
use outlive::{Builder, Handle, Numbers, Step, unplug_all};

/// One user of a device, who does three things.
fn use_it(handle: &Handle<(), Chip>, driver: &Driver) {
    for _ in 0..3 {
        match pick(4) {
            // (What the guard gives is loom's to watch. Here a planted bug would make it undefined.)
            0 => drop(handle.enter().inspect(|_| driver.call())),
            1 => drop(handle.enter().map(|guard| guard.into_counted()).inspect(|_| driver.call())),
            2 => drop(handle.begin("call").inspect(|_| driver.call())),
            _ => {
                // Sent elsewhere, and ended there.
                let Ok(operation) = handle.begin("sent") else { continue };
                let driver = driver.clone();
                let elsewhere = thread::spawn(move || {
                    driver.call();
                    drop(operation);
                });
                elsewhere.join().unwrap();
            }
        }
    }
}

/// I7, I8, I9, I13, I29: nothing of the driver runs after the fence, whoever comes, stays, or unplugs, and however it
/// waits; one of those who remove gets the hardware, or it is dropped when nobody is left to wait for it.
pub(crate) fn guards_and_operations() {
    let (device, driver) = device();
    let handle = device.open().unwrap();
    let (user, book) = (handle.clone(), driver.clone());
    let users = crew(2, move || use_it(&user, &book));
    let (removed, book) = (device.clone(), driver.clone());
    let removers = crew(1 + pick(2), move || remove_somehow(&removed, &book).is_some());
    drop(device);
    let taken = join(removers).into_iter().filter(|taken| *taken).count();
    join(users);
    assert!(taken <= 1, "one unplug gets the hardware");
    assert_eq!(driver.drops(), 1, "the hardware is dropped once, and not with the last handle");
    assert!(handle.enter().is_err(), "let in after the fence");
    assert!(handle.begin("late").is_err_and(|refused| is_gone(&refused)), "let in after the fence");
}

/// I10, I13, I21: the steps come once and in their order, each sleeper is woken once, whether it came early or late, and
/// the fence comes after every hook.
pub(crate) fn hooks_and_steps() {
    let (steps, driver) = (Ledger::new(), Driver::default());
    let noted = steps.clone();
    let device = Builder::new().observed(move |step| noted.note(step)).build((), Chip(driver.clone()));
    let device = Arc::new(device);
    let handle = device.open().unwrap();
    let named = Ledger::new();
    let (names, book) = (named.clone(), driver.clone());
    device.on_names(move |gone| {
        book.call();
        names.note(gone);
    });
    let (sleeper, book) = (handle.clone(), driver.clone());
    let sleepers = crew(2, move || {
        let (woken, heard, book) = (Ledger::new(), Ledger::new(), book.clone());
        let wakes = woken.clone();
        let early = pick(2) == 0;
        let watch = sleeper.on_gone(move |gone| {
            if early {
                // By the one who unplugs, so before the fence.
                thread::yield_now();
            }
            wakes.note(gone);
        });
        let operation = sleeper.begin("sleep");
        if let Ok(operation) = &operation {
            let noted = heard.clone();
            operation.on_cancel(move |_| {
                book.call();
                noted.note(());
            });
        }
        drop(operation);
        (woken, watch)
    });
    let (removed, book) = (device.clone(), driver.clone());
    let removers = crew(2, move || {
        let unplug = removed.unplug(Reason::Pulled);
        let hardware = unplug.wait(NO_LIMIT).unwrap();
        assert_eq!(removed.step(), Step::Released);
        book.fence();
        drop(hardware);
    });
    join(removers);
    for (woken, _watch) in join(sleepers) {
        assert_eq!(woken.all().len(), 1, "told {} times", woken.all().len());
    }
    never_two(&named.all());
    assert_eq!(steps.all(), Step::ALL[1..7], "the steps, once and in order");
    drop((device, handle));
    assert_eq!(steps.all(), Step::ALL[1..], "the steps, once and in order");
}

/// I25, I27: a handle is born before the fence or not at all, by whatever path; a number has one owner.
pub(crate) fn opens() {
    let (device, _) = device();
    let handle = device.open().unwrap();
    let (opened, numbers) = (device.clone(), Numbers::new());
    let claimed = numbers.clone();
    let openers = crew(2, move || {
        let opened: Vec<_> = (0..2).filter_map(|i| if i == 0 { opened.open() } else { handle.reopen() }.ok()).collect();
        (opened, claimed.claim(7).ok(), handle.clone())
    });
    let hardware = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap();
    let born = device.handles();
    drop(hardware);
    let (mut kept, mut owners) = (0, 0);
    for (handles, number, _) in join(openers) {
        kept += handles.len();
        owners += usize::from(number.is_some());
        assert!(handles.iter().all(|zombie| zombie.enter().is_err()));
        std::mem::forget((handles, number));
    }
    assert_eq!(owners, 1, "one number, two owners");
    // The first one, and its clones of which there is one for each opener, or none yet.
    assert!((kept + 1..=kept + 3).contains(&born), "a handle was born after the fence: {born} of {kept}");
}

/// I4, I7, I13: many devices at once, some of them removed by others too, and one that somebody stays inside of.
pub(crate) fn batches() {
    let devices: Vec<_> = (0..3).map(|_| device()).collect();
    let users: Vec<_> = devices.iter().map(|(device, driver)| (device.open().unwrap(), driver.clone())).collect();
    let users = users.into_iter().map(|(handle, driver)| thread::spawn(move || use_it(&handle, &driver))).collect();
    let (other, driver) = devices[pick(3)].clone();
    let rival = thread::spawn(move || remove_somehow(&other, &driver).is_some());
    let batch = unplug_all(devices.iter().map(|(device, _)| &**device), Reason::Pulled);
    let waited = batch.wait([NO_LIMIT, Duration::ZERO][pick(2)]);
    let finished = waited.into_iter().map(|waited| waited.or_else(|busy| busy.wait(NO_LIMIT)).unwrap());
    let mut taken = 0;
    for (hardware, (_, driver)) in finished.zip(&devices) {
        driver.fence();
        taken += usize::from(hardware.is_some());
    }
    taken += usize::from(rival.join().unwrap());
    join(users);
    let drops: usize = devices.iter().map(|(_, driver)| driver.drops()).sum();
    assert_eq!((taken, drops), (3, 3), "each device's hardware goes once");
}
